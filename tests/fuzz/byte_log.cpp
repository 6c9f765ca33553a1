// Operations on a byte log, as the input spells them, against all the bytes ever appended.
#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "log/byte_log.hpp"

using namespace vserd;

namespace {

/// Reads on until the head, comparing everything.
void read_to_head(const log::ByteLog& log, log::Cursor cursor, const std::string& all, std::size_t bytes_max) {
    std::uint64_t at = cursor.offset;
    while (const auto item = log.read(cursor, bytes_max)) {
        if (const auto* gap = std::get_if<log::GapItem>(&*item)) {
            require(gap->from == at && gap->to >= at, "a gap begins where the reader stands");
            require(gap->to > at || gap->events_lost > 0, "a gap is of something");
            at = gap->to;
        } else if (const auto* data = std::get_if<log::DataItem>(&*item)) {
            require(data->offset == at && data->size > 0 && data->size <= bytes_max, "data follow what was read");
            for (const auto& slice : data->slices) {
                const std::string_view bytes(reinterpret_cast<const char*>(slice.data), slice.size);
                require(all.compare(at, slice.size, bytes) == 0, "the bytes are those that were appended");
                at += slice.size;
            }
            require(at == data->offset + data->size, "the slices are all of the data");
        } else {
            require(std::get<log::EventItem>(*item).offset == at, "an event is in its place");
        }
        require(cursor.offset == at, "the cursor is behind the item");
    }
    require(log.at_head(cursor) && at == all.size(), "a reader comes to the head");
}

/// What was appended when, to say where a time is.
class Arrivals {
public:
    log::Moment now() const { return {log::WallTime{} + since_, log::BootTime{} + since_}; }
    void pass(std::chrono::milliseconds time) { since_ += time; }
    void note(std::uint64_t begin) { arrivals_.push_back({begin, since_}); }

    /// Nothing that arrived at `time` or later is before the cursor.
    void require_place(const log::ByteLog& log, log::WallTime time) const {
        const auto cursor = log.at_time(time);
        require(cursor.offset >= log.oldest_offset() && cursor.offset <= log.next_offset(), "a time is in the log");
        for (const auto& arrival : arrivals_) {
            if (log::WallTime{} + arrival.at < time || arrival.begin < log.oldest_offset()) continue;
            require(cursor.offset <= arrival.begin, "nothing since then is left out");
            return;
        }
    }

private:
    struct Arrival {
        std::uint64_t begin;
        std::chrono::milliseconds at;
    };
    std::vector<Arrival> arrivals_;
    std::chrono::milliseconds since_{0};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    log::ByteLog log(1 + std::size_t{input.byte()} * 300);
    std::string all;
    Arrivals arrivals;
    log::Cursor kept;
    for (int steps = 0; !input.empty() && steps < 200 && all.size() < 200'000; ++steps) {
        const unsigned action = input.byte() % 8;
        const std::size_t amount = input.byte();
        switch (action) {
            case 0:
            case 1: {
                const std::string bytes(action == 0 ? amount : amount * 99, static_cast<char>(steps));
                if (!bytes.empty()) arrivals.note(all.size());
                log.append(std::as_bytes(std::span{bytes}), arrivals.now());
                all += bytes;
                break;
            }
            case 2: log.append_event(port::BreakSent{std::chrono::milliseconds{1}}); break;
            case 3: read_to_head(log, log.at_offset(all.size() * amount / 255), all, 1 + amount * 50); break;
            case 4: read_to_head(log, kept, all, 1 + amount * 50); break;
            case 5: arrivals.pass(std::chrono::milliseconds{amount * amount}); break;
            case 6: {
                const log::WallTime::duration time{static_cast<std::int64_t>(input.number())};
                arrivals.require_place(log, log::WallTime{time});
                arrivals.require_place(log, log::WallTime{std::chrono::milliseconds{amount * amount}});
                break;
            }
            default: kept = log.head();
        }
        require(log.next_offset() == all.size(), "the log counts every byte");
        require(log.oldest_offset() <= all.size(), "the oldest byte is one that came");
    }
    read_to_head(log, kept, all, 70'000);
    return 0;
}
