#include "vserctl/archive_export.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "archive/export.hpp"
#include "base/fd.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/parse.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

namespace archive = vserd::archive;
using SystemTime = std::chrono::system_clock::time_point;

constexpr mode_t file_mode = 0600;  // it may contain passwords
constexpr std::size_t write_bytes = std::size_t{256} << 10U;

SystemTime parse_moment(const char* option, const std::string& text) {
    const auto parsed = parse_until(text);
    if (parsed) {
        if (const auto* time = std::get_if<vser::client::StartPoint::Since>(&parsed->where)) return time->value;
        if (const auto* age = std::get_if<vser::client::StartPoint::Age>(&parsed->where))
            return std::chrono::system_clock::now() - age->value;
    }
    throw CLI::ValidationError(
        fmt::format("{}: '{}' is not a time: write 2026-11-22T01:02:03Z, or how long ago: 10m", option, text),
        CLI::ExitCodes::ValidationError);
}

void add_moment(CLI::App& app, const char* name, std::optional<SystemTime>& time, const char* help) {
    app.add_option_function<std::string>(
           name, [name, &time](const std::string& text) { time = parse_moment(name, text); }, help)
        ->type_name("TIME");
}

/// Gathers lines for a descriptor.
class LineOutput {
public:
    explicit LineOutput(int fd) : fd_(fd) { text_.reserve(write_bytes); }

    vserd::Result<void> put(std::string_view line) {
        text_ += line;
        return text_.size() < write_bytes ? vserd::Result<void>{} : flush();
    }
    vserd::Result<void> flush() {
        const int error = write_all(fd_, std::exchange(text_, {}));
        if (error == 0) return {};
        return vserd::errno_error("the capture cannot be written", error);
    }

private:
    int fd_;
    std::string text_;
};

vserd::Result<vserd::capture::End> export_to(int fd, const ArchiveCommand& command, const std::string& directory) {
    LineOutput output(fd);
    auto counts = archive::export_port(directory, {command.since, command.until},
                                       [&output](std::string_view line) { return output.put(line); });
    if (!counts) return counts;
    if (auto flushed = output.flush(); !flushed) return flushed.error();
    return counts;
}

vserd::Result<vserd::capture::End> export_to_file(const ArchiveCommand& command, const std::string& directory) {
    const std::string& path = command.output;
    const vserd::base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode));
    if (!file) return vserd::errno_error("cannot create " + path);
    auto counts = export_to(file.get(), command, directory);
    if (counts && ::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS)  // a pipe or /dev/null cannot
        counts = vserd::errno_error("cannot write " + path);
    struct stat status {};
    const bool is_file = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
    if (!counts && is_file) ::unlink(path.c_str());
    return counts;
}

std::string describe_counts(const vserd::capture::End& counts, const std::string& file) {
    return printable(fmt::format("{}: {} records: {} bytes received, {} bytes sent", file, counts.records,
                                 counts.rx_bytes, counts.tx_bytes)) +
           "\n";
}

}  // namespace

void add_export_options(CLI::App& app, ArchiveCommand& command) {
    app.add_option("-o,--output", command.output, "export: the file to write, instead of stdout")->type_name("FILE");
    add_moment(app, "--since", command.since,
               "export: start at this time (2026-11-22T01:02:03Z), or this long ago: 10m");
    add_moment(app, "--until", command.until, "export: end at this time, or this long ago");
}

int run_export(const ArchiveCommand& command, const std::string& directory, bool json) {
    const auto counts =
        command.output.empty() ? export_to(STDOUT_FILENO, command, directory) : export_to_file(command, directory);
    if (!counts) return print_error(printable(counts.error().message), json);
    if (command.output.empty()) return exit_ok;
    if (!json) {
        put(describe_counts(*counts, command.output));
        return exit_ok;
    }
    JsonObject object;
    object.field("file", command.output).field("records", counts->records);
    put(object.field("rx_bytes", counts->rx_bytes).field("tx_bytes", counts->tx_bytes).text() + "\n");
    return exit_ok;
}

}  // namespace vserctl
