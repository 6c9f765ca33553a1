#include "support/vserd_process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace vserd::test {

std::vector<std::string> sandboxed(const std::vector<std::string>& options, std::vector<std::string> command) {
    if (options.empty()) return command;
    std::vector<std::string> whole{SANDBOX_PROGRAM};
    whole.insert(whole.end(), options.begin(), options.end());
    whole.insert(whole.end(), command.begin(), command.end());
    return whole;
}

std::string vserd_program() {
    const char* other = std::getenv("VSERD_PROGRAM");  // for example one that was built with a sanitizer
    return other != nullptr ? other : VSERD_PROGRAM;
}

bool memory_tells() { return std::getenv("VSERD_PROGRAM") == nullptr; }

std::string port_table(const std::string& name, const std::string& device, const std::string& more) {
    return "[[port]]\nname = \"" + name + "\"\ndevice = \"" + device + "\"\n" + more + "\n";
}

Daemon::Daemon(const std::string& ports, std::string server, std::vector<std::string> sandbox, Listen listen)
    : server_(std::move(server)),
      sandbox_(std::move(sandbox)),
      listen_(listen),
      config_file_(folder_.write("vserd.toml", text(ports))) {
    start();
}

Daemon::~Daemon() {
    if (process_->pid() < 0) return;
    process_->signal(SIGTERM);
    EXPECT_EQ(process_->wait(), 0) << process_->errors();
}

void Daemon::start() {
    process_.emplace(sandboxed(sandbox_, {vserd_program(), "--config", config_file_}));
    const std::string line = process_->read_line();
    const std::string before = listen_ == Listen::tcp ? "127.0.0.1:" : "unix:";
    const auto begin = line.find(before);
    if (begin == std::string::npos) throw std::runtime_error("vserd did not start: " + line + process_->errors());
    address_ = line.substr(begin, line.find_first_of(",;", begin) - begin);
}

void Daemon::kill() {
    process_->signal(SIGKILL);
    process_->wait();
}

void Daemon::reload(const std::string& ports) {
    folder_.write("vserd.toml", text(ports));
    process_->signal(SIGHUP);
}

std::string Daemon::text(const std::string& ports) const {
    const std::string address =
        listen_ == Listen::tcp ? "127.0.0.1:0" : "unix:" + (folder_.path() / "vserd.sock").string();
    const std::string listen = server_.find("listen") == std::string::npos ? "listen = [\"" + address + "\"]\n" : "";
    const std::string drain = server_.find("drain_limit") == std::string::npos ? "drain_limit = \"200ms\"\n" : "";
    return "[server]\n" + listen + drain + "metrics = \"\"\n" + server_ + "\n" + ports;
}

std::size_t Daemon::descriptors() const {
    const auto folder = "/proc/" + std::to_string(process_->pid()) + "/fd";
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

std::size_t Daemon::resident_bytes() const {
    std::ifstream fields("/proc/" + std::to_string(process_->pid()) + "/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    fields >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace vserd::test
