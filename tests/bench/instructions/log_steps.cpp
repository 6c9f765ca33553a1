#include <cstring>
#include <string>
#include <vector>

#include "instructions/steps.hpp"
#include "log/byte_log.hpp"
#include "rpc/data_cache.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t history_bytes = std::size_t{1} << 20;
constexpr std::size_t message_bytes_max = std::size_t{64} << 10;
constexpr std::size_t piece_bytes = 115;  ///< of a port with 115200 baud in 10 ms

log::Moment received() { return {log::WallTime{std::chrono::nanoseconds{1'800'000'000'123'456'789}}, {}}; }

void append(log::ByteLog& log, std::size_t size) {
    while (size > 0) {
        const auto space = log.space();
        const std::size_t piece = std::min(size, space.size());
        std::memset(space.data(), 'x', piece);
        log.commit(piece, received());
        size -= piece;
    }
}

void read_all(const log::ByteLog& log, log::Cursor& cursor) {
    while (const auto item = log.read(cursor, message_bytes_max)) keep(*item);
}

log::DataItem item_of(log::ByteLog& log, std::size_t size) {
    log::Cursor cursor = log.head();
    append(log, size);
    return std::get<log::DataItem>(*log.read(cursor, size));
}

}  // namespace

void count_log() {
    log::ByteLog log(history_bytes);
    append(log, 2 * history_bytes);
    count("log append 115 B", 10'000, [&] { append(log, piece_bytes); });
    log::Cursor cursor = log.head();
    count("log append and read 115 B", 10'000, [&] {
        append(log, piece_bytes);
        read_all(log, cursor);
    });
    count("log append and read 64 KiB", 200, [&] {
        append(log, message_bytes_max);
        read_all(log, cursor);
    });
    count("log read by 64 readers, 64 KiB", 20, [&] {
        const log::Cursor start = log.head();
        append(log, message_bytes_max);
        for (int i = 0; i < 64; ++i) {
            log::Cursor reader = start;
            read_all(log, reader);
        }
    });
}

void count_wire() {
    log::ByteLog log(history_bytes);
    const log::DataItem small = item_of(log, piece_bytes);
    const log::DataItem large = item_of(log, message_bytes_max);
    rpc::DataCache cache;
    count("message of 115 B", 10'000, [&] { keep(cache.encode(small, /*shared=*/false)); });
    count("message of 64 KiB", 10'000, [&] { keep(cache.encode(large, /*shared=*/false)); });
    count("message for one more reader", 10'000, [&] { keep(cache.encode(large, /*shared=*/true)); });
    rpc::MessageBuilder builder;
    count("Collect message of 64 ports", 200, [&] {
        for (int port = 0; port < 64; ++port) rpc::append_data_record(builder, "rack1-board07", small);
        keep(builder.take());
    });
}

}  // namespace vserd::bench
