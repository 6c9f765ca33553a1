#include "metrics/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <vector>

#include "base/proc_file.hpp"

namespace vserd::metrics {
namespace {

// Indices of the fields after the command: the state, field 3 in proc(5), has index 0.
constexpr std::size_t user_ticks_field = 11;
constexpr std::size_t system_ticks_field = 12;
constexpr std::size_t threads_field = 17;
constexpr std::size_t start_ticks_field = 19;
constexpr std::size_t virtual_bytes_field = 20;
constexpr std::size_t resident_pages_field = 21;

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t begin = text.find_first_not_of(" \n");
        if (begin == std::string_view::npos) return words;
        text.remove_prefix(begin);
        const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// Seconds since the epoch, from /proc/stat.
std::uint64_t boot_time_seconds() {
    const std::string text = base::read_proc_file("/proc/stat");
    const std::size_t at = text.find("\nbtime ");
    return at == std::string::npos ? 0 : number(std::string_view(text).substr(at + 7));
}

std::uint64_t count_open_fds() {
    std::error_code error;
    std::uint64_t count = 0;
    std::filesystem::directory_iterator entry("/proc/self/fd", error);
    for (const std::filesystem::directory_iterator end; !error && entry != end; entry.increment(error)) ++count;
    return count > 0 ? count - 1 : 0;  // not counting the descriptor that reads the directory
}

}  // namespace

std::optional<StatLine> parse_stat(std::string_view text) {
    const std::size_t command_end = text.rfind(')');
    if (command_end == std::string_view::npos) return std::nullopt;
    const auto fields = split(text.substr(command_end + 1));
    if (fields.size() <= resident_pages_field) return std::nullopt;
    return StatLine{number(fields[user_ticks_field]) + number(fields[system_ticks_field]),
                    number(fields[threads_field]), number(fields[start_ticks_field]),
                    number(fields[virtual_bytes_field]), number(fields[resident_pages_field])};
}

ProcessStats read_process_stats() {
    ProcessStats stats;
    const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    if (const auto line = parse_stat(base::read_proc_file("/proc/self/stat"))) {
        stats.cpu_seconds = static_cast<double>(line->cpu_ticks) / ticks_per_second;
        stats.resident_bytes = line->resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        stats.virtual_bytes = line->virtual_bytes;
        stats.threads = line->threads;
        stats.start_time_seconds =
            static_cast<double>(boot_time_seconds()) + static_cast<double>(line->start_ticks) / ticks_per_second;
    }
    stats.open_fds = count_open_fds();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
    return stats;
}

}  // namespace vserd::metrics
