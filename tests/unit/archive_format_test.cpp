#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/crc32c.hpp"
#include "archive/event_codec.hpp"
#include "archive/index_format.hpp"
#include "archive/names.hpp"
#include "archive/seek_table.hpp"
#include "unit/archive_support.hpp"

namespace vserd::archive {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(ArchiveCrc, IsCastagnolisAlsoInPiecesAndWithoutTheInstruction) {
    EXPECT_EQ(crc32c(view("123456789")), 0xE3069283u);  // the check value of every catalogue
    EXPECT_EQ(portable_crc32c(view("123456789")), 0xE3069283u);
    const std::string text = device_bytes(0, 1000);
    for (const std::size_t cut : {0u, 1u, 7u, 8u, 500u, 1000u}) {
        const ByteView bytes = view(text);
        EXPECT_EQ(crc32c(bytes.subspan(cut), crc32c(bytes.first(cut))), portable_crc32c(bytes)) << cut;
        EXPECT_EQ(portable_crc32c(bytes.subspan(cut), portable_crc32c(bytes.first(cut))), crc32c(bytes)) << cut;
    }
}

TEST(ArchiveNames, EveryPortNameIsOneSafeDirectoryAndBack) {
    EXPECT_EQ(directory_name("rack1-board_2.a"), "rack1-board_2.a");
    EXPECT_EQ(directory_name(".."), "%2E.");
    EXPECT_EQ(directory_name("a/b"), "a%2Fb");
    EXPECT_EQ(directory_name("50%"), "50%25");
    for (const std::string port : {"board", "..", ".hidden", "a/../b", "b\xC3\xBCro", "100%", "a b\n"})
        EXPECT_EQ(port_name(directory_name(port)), port);
    for (const std::string other : {"..", ".", "%", "a%2", "a%zz", "%41", "a/b", "lost+found"})
        EXPECT_EQ(port_name(other), std::nullopt) << other;
}

TEST(ArchiveNames, SegmentsAreNamedByTheirOffset) {
    EXPECT_EQ(SegmentPaths("p", 42).log, "p/00000000000000000042.log");
    EXPECT_EQ(base_in("18446744073709551615.idx", ".idx"), ~std::uint64_t{0});
    EXPECT_EQ(base_in("18446744073709551616.idx", ".idx"), std::nullopt);
    EXPECT_EQ(base_in("0000000000000000004x.idx", ".idx"), std::nullopt);
    EXPECT_EQ(base_in("00000000000000000042.log.zst", ".log"), std::nullopt);
}

TEST(ArchiveIndex, HeaderReadsBackAndAnyChangeIsNoticed) {
    const IndexHeader header{"id-1", "board", {7, 3}, -5, 99};
    const Bytes bytes = packed(header).value();
    ASSERT_EQ(bytes.size(), index_header_bytes);
    const IndexHeader read = unpacked_header(bytes).value();
    EXPECT_EQ(read.log_id, "id-1");
    EXPECT_EQ(read.port, "board");
    EXPECT_EQ(read.base, (log::Cursor{7, 3}));
    EXPECT_EQ(read.latest_ns, -5);

    for (std::size_t at = 0; at < bytes.size(); ++at) {
        Bytes changed = bytes;
        changed[at] ^= std::byte{1};
        EXPECT_FALSE(unpacked_header(changed)) << at;
    }
    EXPECT_THAT(unpacked_header(ByteView(bytes).first(100)).error().message, HasSubstr("too short"));
    EXPECT_FALSE(packed(IndexHeader{std::string(65, 'x'), "board", {}}));
}

TEST(ArchiveIndex, ALaterLayoutIsRefusedAndNotTakenForDamage) {
    Bytes bytes = packed(IndexHeader{"id-1", "board", {}}).value();
    bytes[8] = std::byte{2};
    bytes.resize(index_header_bytes - 4);
    const Bytes later = Packer().raw(bytes).number(crc32c(bytes)).take();

    const auto read = unpacked_header(later);

    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().failure, Failure::unsupported);
    EXPECT_THAT(read.error().message, HasSubstr("has layout 2"));
}

TEST(ArchiveIndex, AUnitIsValidOnlyInItsPlaceAndItsFile) {
    IndexRecord record;
    record.at = {10, 2};
    record.length = 5;
    const Bytes unit = packed_units(record, {}, 1234, 8);

    ASSERT_TRUE(read_unit(unit, 1234, 8));
    EXPECT_EQ(unpacked_record(unit)->at, (log::Cursor{10, 2}));
    EXPECT_FALSE(read_unit(unit, 1234, 9));
    EXPECT_FALSE(read_unit(unit, 1235, 8));
}

TEST(ArchiveEvents, EveryKindReadsBack) {
    const std::vector<port::Event> events{
        port::SettingsChanged{{9600, {7, line::Parity::even, line::StopBits::two, line::FlowControl::xon_xoff}}, true},
        port::SignalsChanged{{true, false, true, false, true, true}},
        port::LineErrorsCounted{{1, 2, 3, ~std::uint64_t{0}}},
        port::WentOffline{"unplugged"},
        port::CameOnline{"/dev/ttyUSB0", "io_uring: no", true},
        port::BreakSent{250ms},
        port::WriterChanged{"ci", "grpc", "anna", "flashing", 7, port::LeaseChange::taken_over, at_second(1.5)},
        port::Flushed{line::FlushDirection::output, 12, "ci"},
        port::ForeignReadersFound{{"agetty (pid 1)", "cat (pid 2)"}},
        port::OutputHeld{true},
        port::Notice{"back at 14:00", "anna"}};
    ASSERT_EQ(events.size(), std::variant_size_v<port::Event>);
    for (std::size_t kind = 0; kind < events.size(); ++kind) {
        ASSERT_EQ(events[kind].index(), kind);
        const Bytes bytes = packed(events[kind]);
        const auto read = unpacked_event(bytes);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->index(), kind);
        EXPECT_EQ(packed(*read), bytes) << kind;
    }
}

TEST(ArchiveEvents, AnUnknownKindIsSkippedAndMissingFieldsAreEmpty) {
    EXPECT_FALSE(unpacked_event(Packer().number(std::uint16_t{999}).text("later").bytes()));
    EXPECT_FALSE(unpacked_event({}));
    Bytes older = packed(port::CameOnline{"/dev/x", "why", true});
    older.resize(2 + 4 + 6);

    const auto read = std::get<port::CameOnline>(unpacked_event(older).value());

    EXPECT_EQ(read.device, "/dev/x");
    EXPECT_EQ(read.engine_refusals, "");
    EXPECT_FALSE(read.taken_over);
}

TEST(ArchiveEvents, LongTextsAreCutAtACharacter) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "\xC3\xBC";
    const Bytes bytes = packed(port::WriterChanged{text, text, text, text});
    EXPECT_LE(bytes.size(), payload_bytes_max);
    EXPECT_EQ(std::get<port::WriterChanged>(*unpacked_event(bytes)).client.size() % 2, 0u);
    EXPECT_LE(packed(port::ForeignReadersFound{std::vector<std::string>(100, text)}).size(), payload_bytes_max);
}

TEST(ArchiveSeekTable, ReadsBackAndFindsFrames) {
    SeekTable table;
    table.add(100, frame_bytes);
    table.add(50, 10);
    const Bytes bytes = table.packed();
    const std::uint64_t file_bytes = 150 + bytes.size();

    const SeekTable read = SeekTable::unpacked(bytes, file_bytes).value();

    EXPECT_EQ(read.content_bytes(), frame_bytes + 10);
    EXPECT_EQ(read.frame_at(0), 0u);
    EXPECT_EQ(read.frame_at(frame_bytes - 1), 0u);
    EXPECT_EQ(read.frame_at(frame_bytes), 1u);
    EXPECT_FALSE(SeekTable::unpacked(bytes, file_bytes + 1));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        EXPECT_FALSE(SeekTable::unpacked(ByteView(bytes).first(cut), file_bytes)) << cut;
}

}  // namespace
}  // namespace vserd::archive
