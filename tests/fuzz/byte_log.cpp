// Operations on a byte log, as the input spells them, against all the bytes ever appended.
#include <chrono>
#include <cstdlib>
#include <string>
#include <variant>

#include "hub/byte_log.hpp"

using namespace vserd;

namespace {

void require(bool so) {
    if (!so) std::abort();
}

/// Reads on until the head, comparing everything.
void read_to_head(const hub::ByteLog& log, hub::Cursor cursor, const std::string& all, std::size_t bytes_max) {
    std::uint64_t at = cursor.offset;
    while (const auto item = log.read(cursor, bytes_max)) {
        if (const auto* gap = std::get_if<hub::GapItem>(&*item)) {
            require(gap->from == at && gap->to >= at && (gap->to > at || gap->events_lost > 0));
            at = gap->to;
        } else if (const auto* data = std::get_if<hub::DataItem>(&*item)) {
            require(data->offset == at && data->size > 0 && data->size <= bytes_max);
            for (const auto& slice : data->slices) {
                require(all.compare(at, slice.size, reinterpret_cast<const char*>(slice.data), slice.size) == 0);
                at += slice.size;
            }
            require(at == data->offset + data->size);
        } else {
            require(std::get<hub::EventItem>(*item).offset == at);
        }
        require(cursor.offset == at);
    }
    require(log.at_head(cursor) && at == all.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    hub::ByteLog log(1 + std::size_t{data[0]} * 300);
    std::string all;
    hub::Cursor kept;
    for (std::size_t i = 1; i + 1 < size && i < 400; i += 2) {
        const std::size_t amount = data[i + 1];
        switch (data[i] % 6) {
            case 0:
            case 1: {
                const std::string bytes(data[i] % 6 == 0 ? amount : amount * 99, static_cast<char>(i));
                log.append(std::as_bytes(std::span{bytes}));
                all += bytes;
                break;
            }
            case 2: log.append_event(port::BreakSent{std::chrono::milliseconds{1}}); break;
            case 3: read_to_head(log, log.at_offset(all.size() * amount / 255), all, 1 + amount * 50); break;
            case 4: read_to_head(log, kept, all, 1 + amount * 50); break;
            default: kept = log.head();
        }
        require(log.next_offset() == all.size() && log.oldest_offset() <= all.size());
    }
    read_to_head(log, kept, all, 70'000);
    return 0;
}
