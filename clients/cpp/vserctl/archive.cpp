#include "vserctl/archive.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archive/check.hpp"
#include "archive/directory_lock.hpp"
#include "archive/names.hpp"
#include "archive/served.hpp"
#include "base/text.hpp"
#include "vserctl/archive_export.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/table.hpp"
#include "vserctl/usage.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

namespace archive = vserd::archive;
using vserd::base::counted;

/// One port, and what was sent to it.
std::vector<std::string> with_sent(const std::string& directory) {
    std::vector<std::string> directories{directory};
    const std::string sent = archive::sent_path(directory);
    if (std::filesystem::exists(sent)) directories.push_back(sent);
    return directories;
}

bool is_of_archive(const std::string& name) {
    return name == archive::reservation_name || archive::base_in(name, archive::index_suffix) ||
           archive::base_in(name, archive::log_suffix) || archive::base_in(name, archive::sealed_suffix);
}

/// Any directory could be that of a port by its name, so its files decide.
bool has_port(const std::vector<std::string>& directories) {
    return std::ranges::any_of(directories, [](const std::string& directory) {
        const auto names = archive::names_in(directory);
        return names && std::ranges::any_of(*names, is_of_archive);
    });
}

/// The ports of an archive; a directory with segments is one port.
vserd::Result<std::vector<std::string>> ports_in(const std::string& directory) {
    auto ports = archive::port_directories(directory);
    if (!ports || has_port(*ports)) return ports;
    const auto segments = archive::segment_bases(directory);
    if (!segments) return segments.error();
    if (!segments->empty()) return with_sent(directory);
    return vserd::Error{vserd::Failure::not_found, 0, directory,
                        directory + ": no archive is here: name the directory of [archive], or of one port in it"};
}

/// Calls `work` for each port, and collects what it returns. Errors are printed, and the other ports follow.
template <class Value>
std::vector<Value> for_each(const std::vector<std::string>& ports, bool json, bool& failed,
                            vserd::Result<Value> (*work)(const std::string&)) {
    std::vector<Value> values;
    for (const std::string& port : ports) {
        auto value = work(port);
        failed = failed || !value;
        if (value) {
            values.push_back(*std::move(value));
        } else {
            print_error(printable(value.error().message), json);
        }
    }
    return values;
}

std::string text_of(const std::optional<vserd::log::WallTime>& time) { return time ? rfc3339(*time) : "-"; }

JsonObject to_json(const archive::PortStat& stat) {
    JsonObject object;
    object.field("port", stat.port).field("log_ids", stat.log_ids);
    object.field("oldest_offset", stat.oldest.offset).field("next_offset", stat.next.offset);
    if (stat.oldest_time) object.field("oldest_time", rfc3339(*stat.oldest_time));
    if (stat.newest_time) object.field("newest_time", rfc3339(*stat.newest_time));
    return object.field("segments", stat.segments)
        .field("sealed_segments", stat.sealed_segments)
        .field("unreadable_segments", stat.unreadable_segments)
        .field("disk_bytes", stat.disk_bytes);
}

std::vector<Table::Cell> row_of(const archive::PortStat& stat) {
    const bool damaged = stat.unreadable_segments != 0;
    return {{printable(stat.port)},
            {text_of(stat.oldest_time)},
            {text_of(stat.newest_time)},
            {std::to_string(stat.oldest.offset)},
            {std::to_string(stat.next.offset)},
            {std::to_string(stat.segments)},
            {std::to_string(stat.sealed_segments)},
            {std::to_string(stat.unreadable_segments), damaged ? Colour::bad : Colour::plain},
            {human_bytes(stat.disk_bytes)}};
}

int run_stat(const std::vector<std::string>& ports, bool json) {
    bool failed = false;
    std::vector<JsonObject> list;
    Table table({"PORT", "OLDEST", "NEWEST", "FROM", "TO", "SEGMENTS", "SEALED", "UNREADABLE", "ON DISK"});
    for (const auto& stat : for_each(ports, json, failed, archive::stat_port)) {
        failed = failed || stat.unreadable_segments != 0;
        list.push_back(to_json(stat));
        table.add(row_of(stat));
    }
    put(json ? JsonObject().field("ports", list).text() + "\n" : table.text(stdout_wants_colour()));
    return failed ? exit_refused : exit_ok;
}

JsonObject to_json(const archive::Finding& finding) {
    JsonObject object;
    object.field("path", finding.path).field("problem", finding.problem);
    if (finding.to != finding.from) object.field("from_offset", finding.from).field("to_offset", finding.to);
    if (finding.events != 0) object.field("events", finding.events);
    return object;
}

JsonObject to_json(const archive::VerifyReport& report) {
    std::vector<JsonObject> findings;
    for (const archive::Finding& finding : report.findings) findings.push_back(to_json(finding));
    return JsonObject()
        .field("port", report.port)
        .field("segments", report.segments)
        .field("bytes", report.bytes)
        .field("events", report.events)
        .field("gaps", report.gaps)
        .field("missing_bytes", report.missing_bytes)
        .field("findings", findings);
}

std::string describe_finding(const archive::Finding& finding) {
    std::string where;
    if (finding.to != finding.from)
        where = fmt::format("bytes {} to {} ({}): ", finding.from, finding.to, finding.to - finding.from);
    if (finding.events != 0) where += counted(finding.events, "event") + ": ";
    return printable(fmt::format("  {}: {}{}", finding.path, where, finding.problem)) + "\n";
}

/// One line for the port, and one for each finding.
std::string describe_report(const archive::VerifyReport& report, bool repaired) {
    std::string text = fmt::format("{}: {}, {}, {}", printable(report.port), counted(report.segments, "segment"),
                                   counted(report.bytes, "byte"), counted(report.events, "event"));
    if (report.gaps != 0)
        text += fmt::format(", {} of {}", counted(report.gaps, "gap"), counted(report.missing_bytes, "byte"));
    const bool damaged = !report.findings.empty();
    const auto result = fmt::format("{} {}", report.findings.size(), repaired ? "repaired" : "damaged");
    text +=
        ": " + coloured(damaged ? result : "OK", damaged ? Colour::bad : Colour::good, stdout_wants_colour()) + "\n";
    for (const archive::Finding& finding : report.findings) text += describe_finding(finding);
    return text;
}

int run_verify(const std::vector<std::string>& ports, bool json, bool repairs) {
    bool failed = false;
    std::vector<JsonObject> list;
    for (const auto& report : for_each(ports, json, failed, repairs ? archive::repair_port : archive::verify_port)) {
        failed = failed || !report.findings.empty();
        if (json) {
            list.push_back(to_json(report));
        } else {
            put(describe_report(report, repairs));
        }
    }
    if (json) put(JsonObject().field("repaired", repairs).field("ports", list).text() + "\n");
    return failed ? exit_refused : exit_ok;
}

/// No vserd may write meanwhile. A copy that none has used has no lock.
int run_repair(const std::vector<std::string>& ports, bool json) {
    std::filesystem::path root = archive::archive_of(ports.front());
    if (archive::is_sent_path(ports.front())) root = root.parent_path();
    if (!std::filesystem::exists(root / archive::lock_name)) return run_verify(ports, json, true);
    const auto lock = archive::DirectoryLock::take(root);
    return lock ? run_verify(ports, json, true) : print_error(printable(lock.error().message), json);
}

}  // namespace

void add_archive_options(CLI::App& app, ArchiveCommand& command) {
    app.add_option("ACTION", command.action,
                   "stat, verify, export, or repair, which is the only one that writes to the archive")
        ->required()
        ->type_name("")
        ->check(one_of({"stat", "verify", "repair", "export"}));
    app.add_option("DIR", command.directory, "The directory of [archive], or of one port in it; export needs one port")
        ->required()
        ->type_name("");
    add_export_options(app, command);
}

ArchiveCommand checked_archive(const ArchiveCommand& command) {
    const bool limited = command.since || command.until || !command.output.empty();
    if (limited && command.action != "export") refuse("--output, --since and --until are for vserctl archive export");
    return command;
}

int run_archive(const ArchiveCommand& command, bool json) {
    std::string directory = command.directory;
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    if (command.action == "export") return run_export(command, directory, json);
    const auto ports = ports_in(directory);
    if (!ports) return print_error(printable(ports.error().message), json);
    if (command.action == "stat") return run_stat(*ports, json);
    return command.action == "repair" ? run_repair(*ports, json) : run_verify(*ports, json, false);
}

}  // namespace vserctl
