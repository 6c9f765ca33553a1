#include "support/module.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace vserd::kmodtest {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

std::string module_path() {
    const char* path = std::getenv("VSER_KO");
    if (path == nullptr) throw std::runtime_error("VSER_KO must name vser.ko");
    return path;
}

}  // namespace

Fd Module::file() {
    Fd file{::open(module_path().c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.get() < 0) fail(module_path());
    return file;
}

int Module::insert(const Fd& file, const std::string& parameters) {
    return ::syscall(SYS_finit_module, file.get(), parameters.c_str(), 0) == 0 ? 0 : -errno;
}

int Module::remove() { return ::syscall(SYS_delete_module, "vser", O_NONBLOCK) == 0 ? 0 : -errno; }

bool Module::loaded() { return ::access("/sys/module/vser/initstate", F_OK) == 0; }

Module::Module(const std::string& parameters) {
    if (loaded() && !eventually([] { return remove() == 0; })) fail("rmmod vser");
    if (const int result = insert(parameters); result != 0) {
        errno = -result;
        fail("insmod vser " + parameters);
    }
}

// Descriptors of finished requests are put by the kernel a moment after their completion.
Module::~Module() {
    eventually([] { return !loaded() || remove() == 0; });
}

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

int Fd::release() noexcept {
    const int fd = fd_;
    fd_ = -1;
    return fd;
}

void Fd::reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

std::string node_path(int port) { return "/dev/vser" + std::to_string(port); }

Fd open_port(int port, int flags) {
    int fd = -1;
    eventually([&] {
        fd = ::open(node_path(port).c_str(), O_RDWR | O_CLOEXEC | flags);
        return fd >= 0 || (errno != ENOENT && errno != ENXIO);
    });
    if (fd < 0) fail(node_path(port));
    return Fd{fd};
}

bool eventually(const std::function<bool()>& condition, int seconds) {
    const auto deadline = Clock::now() + std::chrono::seconds{seconds};
    while (!condition()) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

pid_t thread_id() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

bool blocked(pid_t thread) {
    return eventually([thread] {
        const auto stat = read_file("/proc/self/task/" + std::to_string(thread) + "/stat");
        const auto name_end = stat.rfind(')');
        return name_end != std::string::npos && stat.substr(name_end + 2, 1) == "S";
    });
}

short wait_events(int fd, short events, int seconds) {
    pollfd entry{fd, events, 0};
    while (::poll(&entry, 1, seconds * 1000) < 0 && errno == EINTR) continue;
    return entry.revents;
}

bool write_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t count = ::write(fd, data.data(), data.size());
        if (count > 0) {
            data.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            if (wait_events(fd, POLLOUT) == 0) return false;
        } else if (errno != EINTR) {
            fail("write");
        }
    }
    return true;
}

std::string read_exactly(int fd, std::size_t size) {
    std::string data(size, '\0');
    std::size_t had = 0;
    while (had < size && (wait_events(fd, POLLIN) & POLLIN) != 0) {
        const ssize_t count = ::read(fd, data.data() + had, size - had);
        if (count > 0) {
            had += static_cast<std::size_t>(count);
        } else if (errno != EAGAIN && errno != EINTR) {
            fail("read");
        }
    }
    data.resize(had);
    return data;
}

std::string drain(int fd) {
    std::string data;
    char buffer[4096];
    for (;;) {
        const ssize_t count = ::read(fd, buffer, sizeof buffer);
        if (count <= 0) return data;
        data.append(buffer, static_cast<std::size_t>(count));
    }
}

std::string pattern(std::size_t size, unsigned seed) {
    std::string data(size, '\0');
    unsigned state = seed * 2654435761u + 1;
    for (auto& byte : data) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<char>(state >> 24);
    }
    return data;
}

std::string read_file(const std::string& path) {
    // Not a stream: files of sysfs may vanish while they are read, which streams answer with an exception.
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    return drain(file.get());
}

int write_file(const std::string& path, std::string_view value) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    if (file.get() < 0) return errno;
    return ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()) ? 0 : errno;
}

std::string sysfs(int port, const std::string& name) {
    return "/sys/class/vser/vser" + std::to_string(port) + "/" + name;
}

std::string get_sysfs(int port, const std::string& name) {
    auto value = read_file(sysfs(port, name));
    if (!value.empty() && value.back() == '\n') value.pop_back();
    return value;
}

int set_sysfs(int port, const std::string& name, std::string_view value) {
    return write_file(sysfs(port, name), value);
}

void unbind(int port) {
    if (write_file("/sys/bus/platform/drivers/vser/unbind", "vser." + std::to_string(port)) != 0) fail("unbind");
}

void bind(int port) {
    if (write_file("/sys/bus/platform/drivers/vser/bind", "vser." + std::to_string(port)) != 0) fail("bind");
}

vs_stats stats(int fd) {
    vs_stats result{};
    if (::ioctl(fd, VS_GET_STATS, &result) != 0) fail("VS_GET_STATS");
    return result;
}

__u32 signals(int fd) {
    __u32 result = 0;
    if (::ioctl(fd, VS_GET_SIGNALS, &result) != 0) fail("VS_GET_SIGNALS");
    return result;
}

}  // namespace vserd::kmodtest
