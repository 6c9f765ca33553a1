#include "archive/segment_walk.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include "archive/crc32c.hpp"
#include "archive/names.hpp"
#include "archive/segment_data.hpp"

namespace vserd::archive {
namespace {

class Walk {
public:
    Walk(IndexFile& index, const std::function<void(const WalkStep&)>& visit)
        : index_(index), visit_(visit), at_(index.header().base) {}

    Result<void> open_data(const SegmentPaths& paths) {
        auto data = SegmentData::open(paths);
        if (!data && data.error().errno_value == 0) data_problem_ = data.error().message;
        if (!data && data.error().errno_value == ENOENT) data_problem_ = "the data of the segment are missing";
        if (!data && data_problem_.empty()) return data.error();
        if (data) data_.emplace(std::move(*data));
        return {};
    }

    Result<void> run() {
        const auto units = index_.units();
        if (!units) return units.error();
        std::uint64_t unit = 0;
        while (true) {
            const auto place = index_.next(unit, *units);
            if (!place) return place.error();
            const std::uint64_t found = *place ? (*place)->unit : *units;
            if (found > unit) report(*place ? (*place)->record.head.at : at_, bad_units(unit, found));
            if (!*place) return {};
            if (auto taken = take((*place)->record); !taken) return taken;
            unit = found + (*place)->record.head.units;
        }
    }

private:
    static std::string bad_units(std::uint64_t from, std::uint64_t to) {
        return "index units " + std::to_string(from) + " to " + std::to_string(to - 1) + " are damaged";
    }

    void report(const log::Cursor& to, std::string problem) {
        visit_({at_, to, nullptr, std::move(problem)});
        at_ = to;
    }

    Result<void> take(const Record& record) {
        const log::Cursor& begin = record.head.at;
        if (begin.offset < at_.offset || begin.event < at_.event) {
            visit_({at_, at_, nullptr, "an index record is out of order"});
            return {};
        }
        if (begin != at_) report(begin, "index records are missing");
        const auto problem = problem_of(record.head);
        if (!problem) return problem.error();
        if (problem->empty()) {
            visit_({at_, record.end, &record, {}});
            at_ = record.end;
        } else {
            report(record.end, *problem);
        }
        return {};
    }

    Result<std::string> problem_of(const IndexRecord& head) {
        if (head.kind != RecordKind::data) return std::string{};
        if (!data_) return data_problem_;
        bytes_.resize(head.length);
        const auto got = data_->read(head.position, bytes_);
        if (!got && got.error().failure == Failure::io) return got.error();
        if (!got) return got.error().message;
        return crc32c(bytes_) == head.crc ? std::string{} : "data do not match their checksum";
    }

    IndexFile& index_;
    const std::function<void(const WalkStep&)>& visit_;
    log::Cursor at_;
    std::optional<SegmentData> data_;
    std::string data_problem_;
    Bytes bytes_;
};

}  // namespace

Result<void> walk_segment(const std::string& port_directory, IndexFile& index,
                          const std::function<void(const WalkStep&)>& visit) {
    Walk walk(index, visit);
    if (auto opened = walk.open_data(SegmentPaths(port_directory, index.header().base.offset)); !opened) return opened;
    return walk.run();
}

}  // namespace vserd::archive
