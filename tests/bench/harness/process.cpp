#include "harness/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/fd.hpp"

namespace vserd::bench {
namespace {

using namespace std::chrono_literals;

bool can_bind(int port) {
    const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// A process, those that it started, and those that they started. Bridges fork in their first thread.
std::vector<pid_t> with_children(pid_t parent) {
    std::vector<pid_t> found{parent};
    for (std::size_t i = 0; i < found.size(); ++i) {
        const std::string number = std::to_string(found[i]);
        std::ifstream file("/proc/" + number + "/task/" + number + "/children");
        for (pid_t child = 0; file >> child;) found.push_back(child);
    }
    return found;
}

double cpu_seconds_of(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::uint64_t proportional_bytes_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::uint64_t kilobytes = 0;
    for (std::string word; file >> word;) {
        if (word == "Pss:" && file >> kilobytes) return kilobytes << 10;
    }
    return 0;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, std::string log_file) : log_file_(std::move(log_file)) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const base::Fd log(::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a bridge must not outlive a harness that crashes, and spin on its dead lines
    ::dup2(log.get(), STDOUT_FILENO);
    ::dup2(log.get(), STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
}

Process::~Process() {
    ::kill(pid_, SIGTERM);
    const auto deadline = Clock::now() + 8s;
    while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (Clock::now() > deadline) {
            std::fprintf(stderr, "bridge_bench: %s ignored SIGTERM for 8 s\n%s", log_file_.c_str(), log_tail().c_str());
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            return;
        }
        std::this_thread::sleep_for(2ms);
    }
}

double Process::cpu_seconds() const {
    double sum = 0;
    for (const pid_t pid : with_children(pid_)) sum += cpu_seconds_of(pid);
    return sum;
}

std::uint64_t Process::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    file >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t Process::proportional_bytes() const {
    std::uint64_t sum = 0;
    for (const pid_t pid : with_children(pid_)) sum += proportional_bytes_of(pid);
    return sum;
}

bool Process::has_children() const { return with_children(pid_).size() > 1; }

bool Process::running() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

std::string Process::log_tail() const {
    std::ifstream file(log_file_);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    constexpr std::size_t tail_bytes = 2000;
    return text.size() > tail_bytes ? text.substr(text.size() - tail_bytes) : text;
}

bool are_listening(int first_port, int count) {
    std::set<int> found;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream file(table);
        std::string line;
        while (std::getline(file, line)) {
            std::istringstream words(line);
            std::string number;
            std::string local;
            std::string remote;
            std::string state;
            words >> number >> local >> remote >> state;
            const auto colon = local.rfind(':');
            if (state != "0A" || colon == std::string::npos) continue;
            const int port = std::stoi(local.substr(colon + 1), nullptr, 16);
            if (port >= first_port && port < first_port + count) found.insert(port);
        }
    }
    return found.size() == static_cast<std::size_t>(count);
}

bool is_installed(const std::string& program) {
    if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
    const char* path = ::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
    }
    return false;
}

int free_ports(int count) {
    static int next = 20000 + static_cast<int>(::getpid() % 50) * 100;
    for (; next + count < 32000; ++next) {
        int good = 0;
        while (good < count && can_bind(next + good)) ++good;
        if (good == count) {
            const int first = next;
            next += count;
            if (next > 28000) next = 20000;
            return first;
        }
    }
    throw std::runtime_error("no free TCP ports");
}

}  // namespace vserd::bench
