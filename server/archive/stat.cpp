#include <utility>

#include "archive/check.hpp"
#include "archive/files.hpp"
#include "archive/index_file.hpp"
#include "archive/names.hpp"
#include "archive/retention.hpp"
#include "archive/times.hpp"

namespace vserd::archive {
namespace {

void count_index(IndexFile& index, PortStat& stat) {
    const IndexHeader& header = index.header();
    if (stat.log_ids.empty() || stat.log_ids.back() != header.log_id) stat.log_ids.push_back(header.log_id);
    if (stat.segments == 0) stat.oldest = header.base;
    stat.next = header.base;
    const auto units = index.units();
    if (!units) return;
    const auto first = index.next(0, *units);
    if (first && *first && !stat.oldest_time) stat.oldest_time = time_of((*first)->record.head.time_ns);
    const auto last = index.last(*units);
    if (!last || !*last) return;
    stat.next = (*last)->record.end;
    stat.newest_time = time_of((*last)->record.head.time_ns);
}

}  // namespace

Result<PortStat> stat_port(const std::string& port_directory) {
    const auto segments = segment_sizes(port_directory, false);
    if (!segments) return segments.error();
    PortStat stat;
    stat.port = shown_name(port_directory);
    for (const SegmentSize& segment : *segments) {
        stat.disk_bytes += segment.bytes;
        const SegmentPaths paths(port_directory, segment.base);
        auto index = IndexFile::open(paths.index);
        if (!index) {
            ++stat.unreadable_segments;
            continue;
        }
        count_index(*index, stat);
        ++stat.segments;
        if (!exists(paths.log) && exists(paths.sealed)) ++stat.sealed_segments;
    }
    return stat;
}

}  // namespace vserd::archive
