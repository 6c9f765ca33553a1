#include <cerrno>
#include <filesystem>
#include <utility>

#include "archive/check.hpp"
#include "archive/files.hpp"
#include "archive/index_file.hpp"
#include "archive/names.hpp"
#include "archive/reservation.hpp"
#include "archive/segment_walk.hpp"

namespace vserd::archive {
namespace {

class Verification {
public:
    explicit Verification(const std::string& port_directory) : directory_(port_directory) {
        report_.port = shown_name(port_directory);
    }

    Result<VerifyReport> run() {
        const auto bases = segment_bases(directory_);
        if (!bases) return bases.error();
        for (const std::uint64_t base : *bases) check_segment(base);
        if (auto checked = check_names(); !checked) return checked.error();
        const auto reservation = OffsetReservation::look(directory_);
        if (!reservation) add(path_in(directory_, reservation_name), {}, {}, reservation.error().message);
        return std::move(report_);
    }

private:
    void add(const std::string& path, const log::Cursor& from, const log::Cursor& to, std::string problem) {
        report_.findings.push_back({path, from.offset, to.offset, to.event - from.event, std::move(problem)});
    }

    void check_segment(std::uint64_t base) {
        ++report_.segments;
        const std::string path = SegmentPaths(directory_, base).index;
        auto index = IndexFile::open(path);
        if (!index) return add(path, {base, 0}, {base, 0}, index.error().message);
        const log::Cursor begin = index->header().base;
        if (begin.offset != base) return add(path, {base, 0}, {base, 0}, "is the index of another segment");
        if (end_ && end_->offset < base) count_gap(base - end_->offset);
        if (end_ && end_->offset > base)
            add(path, {base, 0}, {end_->offset, 0}, "begins before the end of the one before it");
        end_ = begin;
        const auto walked = walk_segment(directory_, *index, [&](const WalkStep& step) { visit(path, step); });
        if (!walked) add(path, *end_, *end_, walked.error().message);
    }

    void visit(const std::string& path, const WalkStep& step) {
        end_ = step.to;
        if (step.record == nullptr) return add(path, step.from, step.to, step.problem);
        switch (step.record->head.kind) {
            case RecordKind::data: report_.bytes += step.record->head.length; break;
            case RecordKind::event: ++report_.events; break;
            default: count_gap(step.to.offset - step.from.offset);
        }
    }

    void count_gap(std::uint64_t bytes) {
        ++report_.gaps;
        report_.missing_bytes += bytes;
    }

    Result<void> check_names() {
        const auto names = names_in(directory_);
        if (!names) return names.error();
        for (const std::string& name : *names) {
            const std::string path = path_in(directory_, name);
            if (name.ends_with(temporary_suffix)) add(path, {}, {}, "is an unfinished file");
            const auto log_base = base_in(name, log_suffix);
            const auto sealed_base = base_in(name, sealed_suffix);
            const auto base = log_base ? log_base : sealed_base;
            if (!base) continue;
            const SegmentPaths paths(directory_, *base);
            if (!exists(paths.index)) add(path, {}, {}, "has no index");
            if (log_base && exists(paths.sealed)) add(path, {}, {}, "is the plain copy of a sealed segment");
        }
        return {};
    }

    const std::string& directory_;
    VerifyReport report_;
    std::optional<log::Cursor> end_;
};

}  // namespace

Result<VerifyReport> verify_port(const std::string& port_directory) { return Verification(port_directory).run(); }

Result<std::vector<std::string>> port_directories(const std::string& archive) {
    const auto names = names_in(archive);
    if (!names) return names.error();
    std::vector<std::string> directories;
    std::error_code ignored;
    for (const std::string& name : *names) {
        const std::string directory = path_in(archive, name);
        if (!port_name(name) || !std::filesystem::is_directory(directory, ignored)) continue;
        directories.push_back(directory);
        if (exists(sent_path(directory))) directories.push_back(sent_path(directory));
    }
    return directories;
}

}  // namespace vserd::archive
