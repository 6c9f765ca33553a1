#include "app/journal_outputs.hpp"

#include <fmt/core.h>

#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

namespace vserd {
namespace {

int priority_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical: return LOG_CRIT;
        case spdlog::level::err: return LOG_ERR;
        case spdlog::level::warn: return LOG_WARNING;
        case spdlog::level::info: return LOG_INFO;
        default: return LOG_DEBUG;
    }
}

class SystemdOutput final : public JournalOutput {
public:
    void write(const JournalLine& line) override {
        std::vector<std::string> entry{
            "MESSAGE=" + line.text,
            fmt::format("PRIORITY={}", priority_of(line.level)),
            "SYSLOG_IDENTIFIER=vserd",
        };
        entry.insert(entry.end(), line.fields.begin(), line.fields.end());
        std::vector<iovec> parts;
        parts.reserve(entry.size());
        for (std::string& part : entry) parts.push_back({part.data(), part.size()});
        static_cast<void>(::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())));
    }
};

/// The same colours as spdlog's.
std::string_view colour_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical: return "\033[1m\033[41m";
        case spdlog::level::err: return "\033[31m\033[1m";
        case spdlog::level::warn: return "\033[33m\033[1m";
        case spdlog::level::info: return "\033[32m";
        default: return "\033[36m";
    }
}

class ErrorOutput final : public JournalOutput {
public:
    void write(const JournalLine& line) override {
        spdlog::details::log_msg message(line.time, {}, "vserd", line.level, line.text);
        spdlog::memory_buf_t formatted;
        formatter_.format(message, formatted);
        std::string text(formatted.data(), formatted.size());
        if (coloured_ && message.color_range_end > message.color_range_start) {
            text.insert(message.color_range_end, "\033[m");
            text.insert(message.color_range_start, colour_of(line.level));
        }
        write_all(STDERR_FILENO, text);
    }

private:
    spdlog::pattern_formatter formatter_{"%Y-%m-%d %H:%M:%S.%e %^%l%$ %v"};
    const bool coloured_ = ::isatty(STDERR_FILENO) == 1;
};

}  // namespace

/// See systemd.exec(5): JOURNAL_STREAM has the device and inode of the stream that systemd created.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
           std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

std::unique_ptr<JournalOutput> make_journal_output() {
    if (stderr_is_journal()) return std::make_unique<SystemdOutput>();
    return std::make_unique<ErrorOutput>();
}

void write_all(int fd, const std::string& text) {
    std::string_view left = text;
    while (!left.empty()) {
        const ssize_t written = ::write(fd, left.data(), left.size());
        if (written > 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd room{fd, POLLOUT, 0};  // another process that shares it made it non-blocking
            ::poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

void print(std::string text) {
    std::thread([text = std::move(text)] { write_all(STDOUT_FILENO, text); }).detach();
}

}  // namespace vserd
