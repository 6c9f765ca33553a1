#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "rpc/convert.hpp"
#include "rpc/data_cache.hpp"
#include "rpc/item_encoder.hpp"
#include "rpc/wire.hpp"

namespace vserd::rpc {
namespace {

using google::protobuf::util::MessageDifferencer;

std::string text_of(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>(at * 31 % 251);
    return text;
}

std::string flat(const grpc::ByteBuffer& buffer) {
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(buffer.Dump(&slices).ok());
    std::string bytes;
    for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return bytes;
}

/// The only data of a log that starts at `offset`.
log::DataItem item_at(log::ByteLog& log, std::uint64_t offset, std::size_t size, log::WallTime time) {
    std::string filler(1 << 16, 'f');
    while (log.next_offset() < offset) {
        filler.resize(std::min<std::size_t>(filler.size(), offset - log.next_offset()));
        log.append(std::as_bytes(std::span(filler)));
    }
    const std::string bytes = text_of(size);
    log.append(std::as_bytes(std::span(bytes)), {time, {}});
    auto cursor = log.at_offset(offset);
    return std::get<log::DataItem>(*log.read(cursor, size));
}

v1::ReadResponse expected(std::uint64_t offset, std::size_t size, log::WallTime time) {
    v1::ReadResponse response;
    response.mutable_data()->set_offset(offset);
    response.mutable_data()->set_bytes(text_of(size));
    to_proto(time, *response.mutable_data()->mutable_receive_time());
    return response;
}

TEST(DataMessage, ByHandIsWhatProtobufMakesOfIt) {
    const log::WallTime times[] = {log::WallTime{}, log::WallTime{std::chrono::nanoseconds{1'700'000'000'123'456'789}},
                                   log::WallTime{std::chrono::seconds{1'700'000'000}},
                                   log::WallTime{std::chrono::nanoseconds{-1}}};
    for (const std::size_t size : {1, 2, 127, 128, 254, 255, 256, 257, 4096, 65535, 65536, 100'000}) {
        for (const std::uint64_t offset : {0, 1, 127, 128, 70'000, 300'000}) {
            for (const auto time : times) {
                log::ByteLog log(1 << 20);
                MessageBuilder builder;
                const auto item = item_at(log, offset, size, time);
                v1::ReadResponse parsed;

                const auto buffer = encode_data_response(builder, item);

                ASSERT_TRUE(parse(buffer, parsed));
                EXPECT_TRUE(MessageDifferencer::Equals(parsed, expected(offset, size, time)))
                    << size << " at " << offset;
                EXPECT_EQ(buffer.Length(), parsed.ByteSizeLong());
                v1::AttachResponse attach;
                ASSERT_TRUE(parse(buffer, attach));
                EXPECT_EQ(attach.data().bytes(), parsed.data().bytes());
            }
        }
    }
}

TEST(DataMessage, OutlivesTheLogItRefersTo) {
    MessageBuilder builder;
    grpc::ByteBuffer buffer;
    {
        log::ByteLog log(1 << 20);
        buffer = encode_data_response(builder, item_at(log, 0, 50'000, {}));
    }
    v1::ReadResponse parsed;

    ASSERT_TRUE(parse(buffer, parsed));

    EXPECT_EQ(parsed.data().bytes(), text_of(50'000));
}

TEST(DataMessage, RecordsOfSeveralPortsShareAMessage) {
    log::ByteLog log(1 << 20);
    MessageBuilder builder;
    v1::Record gap;
    gap.set_port("b");
    gap.mutable_gap()->set_to(7);

    append_data_record(builder, "a", item_at(log, 0, 10, log::WallTime{std::chrono::seconds{1'700'000'000}}));
    append_record(builder, gap);
    append_data_record(builder, "c", item_at(log, 10, 5000, {}));
    const std::size_t size = builder.size();
    const auto buffer = builder.take();
    v1::CollectResponse parsed;
    ASSERT_TRUE(parse(buffer, parsed));

    EXPECT_EQ(size, buffer.Length());
    ASSERT_EQ(parsed.records_size(), 3);
    EXPECT_EQ(parsed.records(0).port(), "a");
    EXPECT_EQ(parsed.records(0).data(), text_of(10));
    EXPECT_EQ(parsed.records(0).receive_time().seconds(), 1'700'000'000);
    EXPECT_TRUE(MessageDifferencer::Equals(parsed.records(1), gap));
    EXPECT_EQ(parsed.records(2).port(), "c");
    EXPECT_EQ(parsed.records(2).offset(), 10U);
    EXPECT_EQ(parsed.records(2).data(), text_of(5000));
    EXPECT_EQ(builder.size(), 0U);
}

TEST(DataCache, SharesAMessageOnlyBetweenReadersAtTheSamePlace) {
    log::ByteLog log(1 << 20);
    DataCache cache;
    const auto item = item_at(log, 0, 3000, {});
    const auto shorter = [&] {
        auto cursor = log.at_offset(0);
        return std::get<log::DataItem>(*log.read(cursor, 1000));
    }();

    const std::string first = flat(cache.encode(item, true));
    EXPECT_EQ(flat(cache.encode(item, true)), first);
    EXPECT_EQ(flat(cache.encode(item, false)), first);
    v1::ReadResponse parsed;
    ASSERT_TRUE(parse(cache.encode(shorter, true), parsed));
    EXPECT_EQ(parsed.data().bytes().size(), 1000U);
}

TEST(DataCache, ABlockThatIsUsedAgainIsNotMistaken) {
    DataCache cache;
    for (int life = 0; life < 50; ++life) {
        log::ByteLog log(1 << 16);  // likely where the one before was
        const std::string bytes(100, static_cast<char>('a' + life % 26));
        log.append(std::as_bytes(std::span(bytes)));
        auto cursor = log.at_offset(0);
        v1::ReadResponse parsed;

        ASSERT_TRUE(parse(cache.encode(std::get<log::DataItem>(*log.read(cursor, 100)), true), parsed));

        ASSERT_EQ(parsed.data().bytes(), bytes);
    }
}

TEST(ItemEncoder, TextKeepsItsOffsetsAcrossPiecesAndGaps) {
    DataCache cache;
    ItemEncoder encoder(cache, /*text=*/true);
    Messages messages;
    log::ByteLog log(1 << 20);
    const auto feed = [&](const char* bytes) {
        auto cursor = log.head();
        log.append(std::as_bytes(std::span(std::string_view(bytes))));
        encoder.encode(*log.read(cursor, 100), false, messages);
    };

    feed("ab\xE2");                                          // "ab" at 0, one byte kept
    feed("\x82\xAC");                                        // the euro sign at 2
    feed("\xC3");                                            // kept
    encoder.encode(log::GapItem{6, 9, 0}, false, messages);  // the kept one gives up at 5
    ASSERT_EQ(messages.size(), 4U);
    std::vector<v1::ReadResponse> parsed(4);
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(parse(messages[i], parsed[i]));

    EXPECT_EQ(parsed[0].text().text(), "ab");
    EXPECT_EQ(parsed[0].text().offset(), 0U);
    EXPECT_EQ(parsed[1].text().text(), "\xE2\x82\xAC");
    EXPECT_EQ(parsed[1].text().offset(), 2U);
    EXPECT_EQ(parsed[2].text().text(), "\xEF\xBF\xBD");
    EXPECT_EQ(parsed[2].text().offset(), 5U);
    EXPECT_EQ(parsed[3].gap().to(), 9U);
}

TEST(ClientName, TakesTextOfOneLineAndNothingThatATerminalObeys) {
    EXPECT_EQ(client_name("J\u00F6rg", "peer").value(), "J\u00F6rg");
    EXPECT_EQ(client_name("", "unix:/tmp/\xFF").value(), "unix:/tmp/\uFFFD");
    for (const auto* name : {"a\nb", "\x1B[2J", "\u009B2J", "\x7F"}) {
        EXPECT_EQ(client_name(name, "peer").error().subject, "client");
    }
}

}  // namespace
}  // namespace vserd::rpc
