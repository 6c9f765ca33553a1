// Random writers, rolling, sealing, retention, restarts, power losses and readers against a model in memory. A failure prints
// its seed: VSERD_ARCHIVE_SEED=N repeats it, VSERD_ARCHIVE_SEEDS=N runs more.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "archive/check.hpp"
#include "archive/retention.hpp"
#include "archive/seal.hpp"
#include "unit/archive_support.hpp"

namespace vserd::archive {
namespace {

using namespace std::chrono_literals;

enum class Kept : char { data, lost, unknown };  // unknown: a power loss may have damaged it

struct ModelByte {
    Kept kept;
    std::int64_t second;
};

/// What the archive should hold.
struct Model {
    std::vector<ModelByte> bytes;                   // from offset 0 to the archive's end
    std::map<std::uint64_t, std::uint64_t> events;  // number -> offset
    std::map<std::uint64_t, bool> unknown_events;
    std::uint64_t next_event = 0;
    std::uint64_t oldest = 0;

    void lose_after(const log::Cursor& end) {
        bytes.resize(end.offset);
        events.erase(events.upper_bound(end.event), events.end());
        next_event = end.event;
    }
};

struct ModelReader {
    ArchiveReader reader;
    log::Cursor cursor;
};

class ModelRun {
public:
    explicit ModelRun(std::uint64_t seed) : random_(seed), segment_bytes_(100 + pick(3000)) {
        open();
        for (int i = 0; i < 2; ++i)
            readers_.push_back(std::make_unique<ModelReader>(ModelReader{ArchiveReader(path()), {}}));
    }

    void step() {
        switch (pick(16)) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4: return append_data();
            case 5:
            case 6: return append_event();
            case 7: return append_gap();
            case 8: return check(archive_->flush());
            case 9: return sync();
            case 10: return seal();
            case 11: return retain();
            case 12: return restart();
            case 13: return pick(3) == 0 ? lose_power() : read_some(*readers_[pick(2)]);
            case 14: return find();
            default: return read_some(*readers_[pick(2)]);
        }
    }

    void finish() {
        check(archive_->sync());
        for (auto& reader : readers_)
            while (!read_some(*reader, 3000)) continue;
        for (auto& reader : readers_) EXPECT_EQ(reader->cursor, archive_->next());
        ModelReader fresh{ArchiveReader(path()), {}};
        while (!read_some(fresh, 1 + pick(5000))) continue;
        EXPECT_EQ(fresh.cursor, archive_->next());
        check_repair();
    }

private:
    std::uint64_t pick(std::uint64_t below) { return random_() % below; }
    std::string path() const { return directory_.path() + "/board"; }
    void check(const Result<void>& result) { ASSERT_TRUE(result) << result.error().message; }

    void open() {
        auto opened = PortArchive::open({directory_.path(), "board", "log-1", segment_bytes_, 1h});
        ASSERT_TRUE(opened) << opened.error().message;
        archive_.emplace(std::move(*opened));
    }

    log::WallTime now() {
        if (pick(40) == 0) second_ -= static_cast<std::int64_t>(pick(5000));
        second_ += static_cast<std::int64_t>(pick(20) == 0 ? pick(4000) : pick(2));
        return at_second(static_cast<double>(second_));
    }

    void append_data() {
        const std::uint64_t from = model_.bytes.size();
        const std::uint64_t skipped = pick(10) == 0 ? pick(100) : 0;
        const std::size_t size = 1 + pick(400);
        const log::WallTime time = now();
        check(archive_->append_data(from + skipped, view(device_bytes(from + skipped, size)), time));
        model_.bytes.resize(from + skipped, {Kept::lost, second_});
        model_.bytes.resize(from + skipped + size, {Kept::data, second_});
    }

    void append_event() {
        model_.next_event += 1 + (pick(10) == 0 ? pick(5) : 0);
        const std::uint64_t number = model_.next_event;
        const port::BreakSent sent{std::chrono::milliseconds{number}};
        log::EventItem item{model_.bytes.size(), {now(), log::before_this_boot}, sent, number};
        if (pick(4) == 0) item.event = port::Notice{std::string(pick(2000), 'n'), std::to_string(number)};
        check(archive_->append_event(item));
        model_.events[number] = model_.bytes.size();
    }

    void append_gap() {
        const std::uint64_t from = model_.bytes.size();
        const log::GapItem gap{from, from + pick(2) * pick(500), pick(3)};
        check(archive_->append_gap(gap, "told", now()));
        model_.bytes.resize(gap.to, {Kept::lost, second_});
        model_.next_event += gap.events_lost;
    }

    void sync() {
        check(archive_->sync());
        synced_ = archive_->next();
        synced_sizes_ = sizes();
    }

    void seal() {
        for (const std::uint64_t base : archive_->unsealed().value())
            if (pick(2) == 0) check(seal_segment(path(), base, 1));
    }

    void retain() {
        if (pick(3) != 0) return;
        const auto removed = apply_retention(path(), {.bytes = 1 + pick(60'000)}, at_second(0));
        ASSERT_TRUE(removed) << removed.error().message;
        const auto bases = segment_bases(path()).value();
        if (!bases.empty()) model_.oldest = bases.front();
    }

    /// The process is killed: what was not indexed is gone.
    void restart() {
        archive_.reset();
        leave_rubbish();
        open();
        const log::Cursor next = archive_->next();
        EXPECT_LE(next.offset, model_.bytes.size());
        EXPECT_GE(next.offset, synced_.offset);
        model_.lose_after(next);
    }

    /// As a kill in the middle of sealing leaves it.
    void leave_rubbish() {
        const auto bases = segment_bases(path()).value();
        if (bases.size() < 2 || pick(3) != 0) return;
        const SegmentPaths paths(path(), bases.front());
        if (!std::filesystem::exists(paths.log)) return;
        const std::string plain = contents_of(paths.log);
        if (pick(2) == 0)
            std::ofstream(paths.sealed + ".tmp") << plain.substr(0, plain.size() / 2);
        else if (seal_segment(path(), bases.front(), 1))
            std::ofstream(paths.log, std::ios::binary) << plain;
    }

    std::map<std::string, std::uintmax_t> sizes() const {
        std::map<std::string, std::uintmax_t> sizes;
        if (!std::filesystem::exists(path())) return sizes;
        for (const auto& entry : std::filesystem::directory_iterator(path())) sizes[entry.path()] = entry.file_size();
        return sizes;
    }

    /// Of the last segment only what was synced is certain: the rest may be missing, or zeros. All others are durable. No reader
    /// survives.
    void lose_power() {
        if (archive_->next() == log::Cursor{}) return;
        const auto bases = segment_bases(path()).value();
        archive_.reset();
        const SegmentPaths last(path(), bases.back());
        damage_end(last.log, synced_sizes_[last.log]);
        damage_end(last.index, std::max<std::uintmax_t>(synced_sizes_[last.index], index_header_bytes));
        open();
        const log::Cursor next = archive_->next();
        EXPECT_GE(next.offset, std::min<std::uint64_t>(synced_.offset, model_.bytes.size()));
        model_.lose_after(next);
        for (auto& reader : readers_)
            *reader = {ArchiveReader(path()),
                       {std::min(reader->cursor.offset, next.offset), std::min(reader->cursor.event, next.event)}};
        const std::uint64_t certain = std::max(synced_.offset, bases.back() < synced_.offset ? 0 : bases.back());
        for (std::uint64_t at = certain; at < model_.bytes.size(); ++at)
            if (model_.bytes[at].kept == Kept::data) model_.bytes[at].kept = Kept::unknown;
        for (auto event = model_.events.upper_bound(synced_.event); event != model_.events.end(); ++event)
            model_.unknown_events[event->first] = true;
    }

    void damage_end(const std::string& file, std::uintmax_t certain) {
        if (!std::filesystem::exists(file)) return;
        const std::uintmax_t size = std::filesystem::file_size(file);
        if (size <= certain) return;
        const std::uintmax_t left = certain + pick(size - certain + 1);
        std::filesystem::resize_file(file, left);
        if (left > certain && pick(2) == 0) {
            const std::uintmax_t from = certain + pick(left - certain);
            overwrite(file, from, std::string(std::min<std::uintmax_t>(left - from, 64), '\0'));
        }
        if (pick(2) == 0) std::filesystem::resize_file(file, size);  // zeros at the end
    }

    void find() {
        ArchiveReader reader(path());
        const std::uint64_t offset = pick(model_.bytes.size() + 2);
        const auto at = reader.at_offset(offset);
        ASSERT_TRUE(at) << at.error().message;
        EXPECT_LE(at->offset, offset);
        for (const auto& [number, event_offset] : model_.events)
            if (event_offset >= offset && event_offset > model_.oldest && number <= indexed(reader).event &&
                !model_.unknown_events.contains(number)) {
                EXPECT_LT(at->event, number) << "offset " << offset;
            }
        find_time(reader);
    }

    static log::Cursor indexed(ArchiveReader& reader) { return reader.next().value(); }

    void find_time(ArchiveReader& reader) {
        const auto second =
            static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(std::max<std::int64_t>(second_, 0)) + 10));
        const auto at = reader.at_time(at_second(static_cast<double>(second)));
        ASSERT_TRUE(at) << at.error().message;
        EXPECT_LE(at->offset, model_.bytes.size());
        for (std::uint64_t i = model_.oldest; i < at->offset; ++i)
            if (model_.bytes[i].kept == Kept::data) {
                EXPECT_LT(model_.bytes[i].second, second) << "offset " << i;
            }
    }

    void read_some(ModelReader& reader) { read_some(reader, 1 + pick(2000)); }

    /// Whether it came to the end.
    bool read_some(ModelReader& reader, std::size_t bytes_max) {
        log::Cursor at = reader.cursor;
        ReadBatch batch;
        const auto read = reader.reader.read(reader.cursor, bytes_max, batch);
        EXPECT_TRUE(read) << read.error().message;
        if (!read) return true;
        EXPECT_LE(batch.bytes.size(), bytes_max);
        for (const ArchivedItem& item : batch.items) {
            if (const auto* data = std::get_if<ArchivedData>(&item)) check_data(*data, batch, at);
            if (const auto* gap = std::get_if<ArchivedGap>(&item)) check_gap(*gap, at);
            if (const auto* event = std::get_if<log::EventItem>(&item)) check_event(*event, at);
        }
        EXPECT_EQ(reader.cursor, at);
        return batch.at_end || testing::Test::HasFailure();
    }

    void check_data(const ArchivedData& data, const ReadBatch& batch, log::Cursor& at) {
        ASSERT_EQ(data.offset, at.offset);
        ASSERT_LE(data.offset + data.size, model_.bytes.size());
        const ByteView bytes = batch.of(data);
        for (std::size_t i = 0; i < data.size; ++i) {
            ASSERT_EQ(static_cast<char>(bytes[i]), device_byte(data.offset + i)) << data.offset + i;
            ASSERT_NE(model_.bytes[data.offset + i].kept, Kept::lost) << data.offset + i;
        }
        at.offset += data.size;
    }

    void check_gap(const ArchivedGap& gap, log::Cursor& at) {
        ASSERT_EQ(gap.gap.from, at.offset);
        ASSERT_LE(gap.gap.to, model_.bytes.size());
        for (std::uint64_t i = std::max(gap.gap.from, model_.oldest); i < gap.gap.to; ++i)
            ASSERT_NE(model_.bytes[i].kept, Kept::data) << "offset " << i << ": " << gap.reason;
        for (std::uint64_t number = at.event + 1; number <= at.event + gap.gap.events_lost; ++number) {
            const auto event = model_.events.find(number);
            if (event != model_.events.end() && event->second >= model_.oldest &&
                !model_.unknown_events.contains(number)) {
                EXPECT_LE(event->second, model_.oldest) << "event " << number << ": " << gap.reason;
            }
        }
        at = {gap.gap.to, at.event + gap.gap.events_lost};
    }

    void check_event(const log::EventItem& event, log::Cursor& at) {
        ASSERT_EQ(event.offset, at.offset);
        ASSERT_EQ(event.number, at.event + 1);
        ASSERT_EQ(model_.events.at(event.number), event.offset);
        if (const auto* sent = std::get_if<port::BreakSent>(&event.event))
            EXPECT_EQ(sent->duration, std::chrono::milliseconds{event.number});
        else
            EXPECT_EQ(std::get<port::Notice>(event.event).from, std::to_string(event.number));
        at.event = event.number;
    }

    void check_repair() {
        if (archive_->next() == log::Cursor{}) return;
        archive_.reset();
        const auto repaired = repair_port(path());
        ASSERT_TRUE(repaired) << repaired.error().message;
        const auto verified = verify_port(path());
        ASSERT_TRUE(verified) << verified.error().message;
        for (const Finding& finding : verified->findings) ADD_FAILURE() << finding.path << " " << finding.problem;
    }

    std::mt19937_64 random_;
    TemporaryDirectory directory_;
    std::uint64_t segment_bytes_;
    std::optional<PortArchive> archive_;
    std::vector<std::unique_ptr<ModelReader>> readers_;
    Model model_;
    log::Cursor synced_;
    std::map<std::string, std::uintmax_t> synced_sizes_;
    std::int64_t second_ = 0;
};

std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(ArchiveModel, EveryByteIsRightAndEveryLossIsAGap) {
    const std::uint64_t one = number_in("VSERD_ARCHIVE_SEED", 0);
    const std::uint64_t seeds = one != 0 ? 1 : number_in("VSERD_ARCHIVE_SEEDS", 300);
    for (std::uint64_t i = 0; i < seeds; ++i) {
        const std::uint64_t seed = one != 0 ? one : i + 1;
        ModelRun run(seed);
        for (int step = 0; step < 60 && !testing::Test::HasFailure(); ++step) run.step();
        if (!testing::Test::HasFailure()) run.finish();
        if (testing::Test::HasFailure()) FAIL() << "with VSERD_ARCHIVE_SEED=" << seed;
    }
}

}  // namespace
}  // namespace vserd::archive
