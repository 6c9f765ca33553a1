#include "line/lock_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/fd.hpp"
#include "base/holder.hpp"

namespace vserd::line {
namespace {

struct Content {
    std::string text;
    uid_t owner = 0;
};

/// Opens only regular files, because opening a device can have side effects and opening a FIFO can block.
std::optional<Content> read_lock_file(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
    // Check again, because the file may have been replaced in between.
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    std::array<char, lock_bytes_max + 1> bytes{};
    const ssize_t size = ::read(file.get(), bytes.data(), bytes.size());
    if (size <= 0 || size > static_cast<ssize_t>(lock_bytes_max)) return std::nullopt;
    return Content{std::string(bytes.data(), static_cast<std::size_t>(size)), status.st_uid};
}

/// Parses "       812\n", which names may follow, or an int in the machine's byte order. Returns 0 for anything else.
pid_t pid_in(std::string_view text) {
    const std::string_view blanks = " \t";
    const auto digits = text.substr(std::min(text.find_first_not_of(blanks), text.size()));
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
    const bool ends_there = end == digits.data() + digits.size() || *end == '\n' || *end == '\r' || *end == '\0' ||
                            blanks.find(*end) != std::string_view::npos;
    if (error == std::errc{} && ends_there) return pid;
    if (text.size() != sizeof pid) return 0;
    std::memcpy(&pid, text.data(), sizeof pid);
    return pid;
}

/// The state of a process according to /proc; empty if it is not visible.
struct Process {
    bool zombie = false;  ///< ended, so it no longer uses the device
    uid_t real_user = 0;
    uid_t effective_user = 0;
};

std::optional<Process> process_of(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    Process process;
    bool has_users = false;
    for (std::string line; std::getline(status, line);) {
        std::istringstream fields(line);
        std::string key, state;
        fields >> key;
        if (key == "State:" && fields >> state) process.zombie = state == "Z" || state == "X";
        if (key == "Uid:") has_users = static_cast<bool>(fields >> process.real_user >> process.effective_user);
    }
    return has_users ? std::optional(process) : std::nullopt;
}

bool counts(pid_t pid, uid_t owner) {
    if (pid <= 0 || pid == ::getpid()) return false;
    if (::kill(pid, 0) != 0 && errno != EPERM) return false;  // stale
    const auto process = process_of(pid);
    if (!process) return owner == 0;
    return !process->zombie && (owner == 0 || owner == process->real_user || owner == process->effective_user);
}

}  // namespace

std::optional<LockFile> find_lock_file(const std::string& path, std::span<const char* const> directories) {
    std::error_code ignored;
    const auto real = std::filesystem::canonical(path, ignored);
    for (const auto& name : {std::filesystem::path(path).filename(), real.filename()}) {
        if (name.empty()) continue;
        for (const char* directory : directories) {
            const std::string file = fmt::format("{}/LCK..{}", directory, name.string());
            const auto content = read_lock_file(file);
            const pid_t pid = content ? pid_in(content->text) : 0;
            if (content && counts(pid, content->owner)) return LockFile{file, base::describe_process(pid)};
        }
    }
    return std::nullopt;
}

}  // namespace vserd::line
