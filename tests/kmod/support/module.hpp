/// The vser module and its nodes, as the tests inside the virtual machine see them. Everything here runs as root there.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "vser_uapi.h"

namespace vserd::kmodtest {

/// How long a functional wait may take: emulated machines stall for seconds.
constexpr int deadline_seconds = 30;

/// An owned descriptor.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd() { reset(); }

    int get() const noexcept { return fd_; }
    int release() noexcept;
    void reset() noexcept;

private:
    int fd_ = -1;
};

/// Loads the module for the life of the object, with parameters as on insmod's command line; unloads one that was
/// there.
class Module {
public:
    explicit Module(const std::string& parameters = "pacing=0");
    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// 0 or -errno, as insmod would report it.
    static int insert(const std::string& parameters) { return insert(file(), parameters); }
    static int insert(const Fd& file, const std::string& parameters);
    /// vser.ko, open.
    static Fd file();
    /// 0 or -errno: -EAGAIN while a descriptor is open.
    static int remove();
    static bool loaded();
};

/// /dev/vser<port>; throws std::system_error. Waits for the node to appear, which follows insmod and bind.
Fd open_port(int port, int flags = 0);
std::string node_path(int port);

/// Polls until the condition holds; false after the deadline. For conditions that have no event to wait for.
bool eventually(const std::function<bool()>& condition, int seconds = deadline_seconds);

/// True once the thread sleeps in the kernel.
bool blocked(pid_t thread);
pid_t thread_id();

/// Waits with poll(2) until one of the events shows; returns revents, 0 after the deadline.
short wait_events(int fd, short events, int seconds = deadline_seconds);

/// Writes all of it to a descriptor in either mode; false when the deadline passes first.
bool write_all(int fd, std::string_view data);
/// Reads exactly so many bytes; fewer when the deadline passes first.
std::string read_exactly(int fd, std::size_t size);
/// Everything there is now on an O_NONBLOCK descriptor.
std::string drain(int fd);

/// A repeatable pattern without period 256, so that shifted or repeated bytes show.
std::string pattern(std::size_t size, unsigned seed = 1);

std::string read_file(const std::string& path);
/// 0 or errno.
int write_file(const std::string& path, std::string_view value);
/// /sys/class/vser/vser<port>/<name>
std::string sysfs(int port, const std::string& name);
std::string get_sysfs(int port, const std::string& name);
int set_sysfs(int port, const std::string& name, std::string_view value);

void unbind(int port);
void bind(int port);

vs_stats stats(int fd);
__u32 signals(int fd);

}  // namespace vserd::kmodtest
