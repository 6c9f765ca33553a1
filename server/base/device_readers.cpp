#include "base/device_readers.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "base/numbers_in.hpp"
#include "base/proc_file.hpp"
#include "base/text.hpp"

namespace vserd::base {
namespace {

/// The fd store of this process holds duplicates of our devices, but never reads them.
constexpr pid_t service_manager = 1;

/// The fields of /proc/PID/stat that are needed here.
struct Process {
    pid_t pid = 0;
    pid_t session = 0;
    dev_t terminal = 0;  ///< the controlling terminal
    std::string name;
};

/// Parses "PID (NAME) STATE PPID PGRP SESSION TTY_NR ...", see proc(5). The name may contain any character.
std::optional<Process> read_process(pid_t pid) {
    const std::string text = read_proc_file(fmt::format("/proc/{}/stat", pid));
    const auto name_begin = text.find('(');
    const auto name_end = text.rfind(')');
    if (name_begin == std::string::npos || name_end == std::string::npos) return std::nullopt;
    Process process{pid, 0, 0, base::printable_text(text.substr(name_begin + 1, name_end - name_begin - 1))};
    std::istringstream fields(text.substr(name_end + 1));
    char state = 0;
    pid_t parent = 0;
    pid_t group = 0;
    unsigned terminal = 0;
    fields >> state >> parent >> group >> process.session >> terminal;
    if (!fields) return std::nullopt;
    process.terminal = makedev((terminal >> 8U) & 0xFFFU, (terminal & 0xFFU) | ((terminal >> 12U) & 0xFFF00U));
    return process;
}

bool opened_for_reading(const std::string& process_folder, int fd) {
    std::ifstream info(fmt::format("{}/fdinfo/{}", process_folder, fd));
    std::string key;
    std::string position;
    unsigned flags = 0;
    info >> key >> position >> key >> std::oct >> flags;
    return !info || (flags & static_cast<unsigned>(O_ACCMODE)) != static_cast<unsigned>(O_WRONLY);
}

std::set<dev_t> read_devices(const Process& process, const std::set<dev_t>& devices) {
    const std::string folder = fmt::format("/proc/{}", process.pid);
    const bool has_terminal = devices.contains(process.terminal);
    const std::vector<int> fds = numbers_in(folder + "/fd");
    std::set<dev_t> found;
    if (fds.empty()) {  // most likely another user's process
        if (has_terminal) found.insert(process.terminal);
        return found;
    }
    for (const int fd : fds) {
        struct statx status {};
        const std::string entry = fmt::format("{}/fd/{}", folder, fd);
        // Request only attributes that the kernel has in memory: the process may have files open on a file server that does not
        // answer.
        if (::statx(AT_FDCWD, entry.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0) continue;
        if (!S_ISCHR(status.stx_mode)) continue;
        dev_t device = makedev(status.stx_rdev_major, status.stx_rdev_minor);
        if (device == makedev(5, 0) && has_terminal) device = process.terminal;  // /dev/tty
        if (devices.contains(device) && !found.contains(device) && opened_for_reading(folder, fd)) {
            found.insert(device);
        }
    }
    return found;
}

}  // namespace

std::map<dev_t, std::vector<std::string>> device_readers(const std::set<dev_t>& devices, std::size_t names_max) {
    std::map<dev_t, std::map<pid_t, Process>> readers;
    for (const pid_t pid : numbers_in("/proc")) {
        if (pid == ::getpid() || pid == service_manager) continue;
        const auto process = read_process(pid);
        if (!process) continue;
        for (const dev_t device : read_devices(*process, devices)) readers[device].emplace(pid, *process);
    }
    std::map<dev_t, std::vector<std::string>> names;
    for (const auto& [device, found] : readers) {
        for (const auto& [pid, process] : found) {
            const bool led = process.session != pid && found.contains(process.session);
            if (led || names[device].size() >= names_max) continue;
            names[device].push_back(fmt::format("{} (pid {})", process.name, pid));
        }
    }
    return names;
}

}  // namespace vserd::base
