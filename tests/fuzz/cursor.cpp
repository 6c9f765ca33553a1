// The client library's place in a log: what it gives on is each byte once and in order, or a gap, whatever connections are
// cut and whatever a server sends.
#include "vser_client/log_cursor.hpp"

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "log/byte_log.hpp"

using namespace vser::client;

namespace {

using Items = std::vector<ConsoleItem>;

/// What comes out follows on what came out before. Bytes are compared where `all` has them.
class Follower {
public:
    void take(Items& items, const LogCursor& cursor, const std::string* all) {
        for (const auto& item : items) {
            if (const auto* data = std::get_if<Data>(&item)) {
                require(!data->bytes.empty(), "data hold bytes");
                require(!at_ || data->offset == *at_, "no byte comes twice, and none is left out silently");
                at_ = data->offset + data->bytes.size();
                const bool same = all == nullptr || all->compare(data->offset, data->bytes.size(), data->bytes) == 0;
                require(same, "the bytes are those of the log");
            } else if (const auto* gap = std::get_if<Gap>(&item)) {
                require(gap->from <= gap->to, "a gap goes forward");
                require(gap->to > gap->from || gap->events_lost > 0, "and is of something");
                require(!at_ || gap->from >= *at_ || gap->to == gap->from, "what was given is not told to be lost");
                at_ = at_ ? std::max(*at_, gap->to) : gap->to;
            } else if (const auto* event = std::get_if<Event>(&item)) {
                require(all == nullptr || event->number > last_event_, "no event comes twice");
                last_event_ = event->number;
            }
        }
        items.clear();
        require(!at_ || cursor.next_offset() >= at_, "the cursor is behind what came out");
        require(!at_ || all == nullptr || cursor.next_offset() == at_, "and no further");
        if (at_) at_ = cursor.next_offset();  // a lying server's first gap may end before the place that it named
    }

private:
    std::optional<std::uint64_t> at_;
    std::uint64_t last_event_ = 0;  ///< its number
};

/// An item as the server sends and the client receives it.
void accept(LogCursor& cursor, const vserd::log::Item& item, Items& out) {
    if (const auto* data = std::get_if<vserd::log::DataItem>(&item)) {
        Data received{.offset = data->offset, .bytes = {}, .receive_time = {}};
        for (const auto& slice : data->slices) {
            received.bytes.append(reinterpret_cast<const char*>(slice.data), slice.size);
        }
        cursor.accept(std::move(received), out);
    } else if (const auto* gap = std::get_if<vserd::log::GapItem>(&item)) {
        cursor.accept(Gap{.from = gap->from, .to = gap->to, .events_lost = gap->events_lost}, out);
    } else {
        const auto& event = std::get<vserd::log::EventItem>(item);
        cursor.accept(Event{.offset = event.offset, .time = event.at.wall, .what = {}, .number = event.number}, out);
    }
}

/// A log that grows and forgets, and a client whose connection is cut.
void honest(Input input) {
    vserd::log::ByteLog log(1 + std::size_t{input.byte()} * 40);
    std::string all;
    LogCursor cursor;
    Follower follower;
    Items items;
    std::optional<vserd::log::Cursor> connection;
    const auto connect = [&](std::uint64_t wanted) {
        connection = log.at_offset(cursor.next_offset().value_or(wanted));
        cursor.resume(std::max(connection->offset, log.oldest_offset()));
    };
    const auto deliver = [&](std::size_t bytes_max) {
        const auto item = log.read(*connection, bytes_max);
        if (item) accept(cursor, *item, items);
        follower.take(items, cursor, &all);
        return item.has_value();
    };
    for (int steps = 0; !input.empty() && steps < 200; ++steps) {
        const unsigned action = input.byte() % 6;
        const std::size_t amount = input.byte();
        if (action < 2) {
            std::string bytes(action == 0 ? amount : amount * 30, static_cast<char>('a' + steps % 26));
            log.append(std::as_bytes(std::span{bytes}));
            all += bytes;
        } else if (action == 2) {
            log.append_event(vserd::port::BreakSent{},
                             {vserd::log::WallTime{std::chrono::milliseconds{steps + 1}}, {}});
        } else if (action == 3) {
            connection.reset();
        } else if (!connection) {
            connect(all.size() * amount / 255);
        } else {
            deliver(1 + amount);
        }
    }
    if (!connection) connect(0);
    while (deliver(100)) continue;
    require(cursor.next_offset() == all.size(), "a client that stays comes to the head");
}

/// Any items in any order.
void hostile(Input input) {
    LogCursor cursor;
    Follower follower;
    Items items;
    for (int steps = 0; !input.empty() && steps < 200; ++steps) {
        switch (input.byte() % 5) {
            case 0:
            case 1: {
                const std::uint64_t offset = input.number();
                cursor.accept(Data{.offset = offset, .bytes = std::string(input.byte(), 'x'), .receive_time = {}},
                              items);
                break;
            }
            case 2: {
                const std::uint64_t from = input.number();
                const std::uint64_t to = input.number();
                cursor.accept(Gap{.from = from, .to = to, .events_lost = input.byte() % 2U}, items);
                break;
            }
            case 3: {
                const Time time{std::chrono::seconds{input.byte()}};
                cursor.accept(Event{.offset = input.number(), .time = time, .what = {}}, items);
                break;
            }
            default: cursor.resume(input.number()); break;
        }
        follower.take(items, cursor, nullptr);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    if (input.byte() % 2 == 0) {
        honest(input);
    } else {
        hostile(input);
    }
    return 0;
}
