#include "log/log_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "log/byte_log.hpp"
#include "log/mapped_file.hpp"
#include "log/packed_settings.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VSERD_SANITIZED 1
#else
#define VSERD_SANITIZED 0
#endif

namespace vserd::log {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const LogIdentity identity{"board", "/dev/ttyUSB0", 3 * block_bytes};

base::Fd memory_file() { return base::Fd(::memfd_create("log", MFD_CLOEXEC)); }

/// Another descriptor of the same file, as the next process has one.
base::Fd again(const base::Fd& file) { return base::Fd(::dup(file.get())); }

/// A file as it is now, for a process that the writer does not know of.
base::Fd copy_of(const base::Fd& file) {
    base::Fd copy = memory_file();
    struct stat status {};
    ::fstat(file.get(), &status);
    off_t at = 0;
    while (at<status.st_size&& ::sendfile(copy.get(), file.get(), &at, 1 << 20)> 0) continue;
    return copy;
}

LogStoreRef created(const base::Fd& file) { return LogStore::create(again(file), identity, false).value(); }
LogStoreRef opened(const base::Fd& file) { return LogStore::open(again(file), identity).value(); }

char pattern_at(std::uint64_t offset) { return static_cast<char>('a' + offset % 23); }

std::string pattern(std::uint64_t from, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += pattern_at(from + i);
    return text;
}

void append(ByteLog& log, std::size_t size) {
    const std::string text = pattern(log.next_offset(), size);
    log.append(std::as_bytes(std::span{text}));
}

struct Content {
    std::uint64_t oldest = 0;
    std::string bytes;
    std::vector<std::pair<std::uint64_t, std::size_t>> events;  // offset and kind
    friend bool operator==(const Content&, const Content&) = default;
};

Content content_of(const ByteLog& log) {
    Content content{log.oldest_offset(), {}, {}};
    Cursor cursor = log.at_offset(content.oldest);
    while (const auto item = log.read(cursor, 1 << 20)) {
        if (const auto* data = std::get_if<DataItem>(&*item)) {
            for (const Slice& slice : data->slices) {
                content.bytes.append(reinterpret_cast<const char*>(slice.data), slice.size);
            }
        } else if (const auto* event = std::get_if<EventItem>(&*item)) {
            content.events.emplace_back(event->offset, event->event.index());
        }
    }
    return content;
}

TEST(LogStore, AnotherProcessGoesOnWhereTheLogWas) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    log.append_event(port::CameOnline{"/dev/ttyUSB0"});
    append(log, 5 * block_bytes + 77);
    log.append_event(port::BreakSent{3ms});
    append(log, 100);

    ByteLog next(opened(file));

    EXPECT_EQ(next.id(), log.id());
    EXPECT_EQ(next.id().size(), 32U);
    EXPECT_EQ(next.next_offset(), log.next_offset());
    const auto found = content_of(next);
    EXPECT_EQ(found, content_of(log));
    EXPECT_EQ(found.bytes, pattern(found.oldest, found.bytes.size()));
    append(next, 3 * block_bytes);
    EXPECT_EQ(content_of(next).bytes, pattern(next.oldest_offset(), identity.capacity_bytes));
}

TEST(LogStore, ALogThatBeginsTakesNoMemoryForWhatItDoesNotHold) {
    const base::Fd file = memory_file();
    const ByteLog log(created(file));

    struct stat status {};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 32 << 10);
}

TEST(LogStore, AllLogsHaveDifferentIds) { EXPECT_NE(ByteLog(4).id(), ByteLog(4).id()); }

TEST(LogStore, TimesOfReceiptAreKept) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    const auto begin = Moment::now();
    // More than there are marks for, so that their resolution halves.
    for (int i = 0; i < 10'000; ++i) {
        const std::string text = pattern(log.next_offset(), 8);
        log.append(std::as_bytes(std::span{text}), {begin.wall + i * 10ms, begin.boot + i * 10ms});
    }

    ByteLog next(opened(file));

    for (const std::uint64_t at : {0U, 8U, 4'000U, 40'000U, 79'992U}) {
        Cursor here = log.at_offset(at);
        Cursor there = next.at_offset(at);
        EXPECT_EQ(std::get<DataItem>(*log.read(here, 1)).received.wall,
                  std::get<DataItem>(*next.read(there, 1)).received.wall);
    }
    EXPECT_EQ(log.at_time(begin.wall + 30s), next.at_time(begin.wall + 30s));
}

TEST(LogStore, EveryKindOfEventComesBack) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    const line::Settings settings{31250, {7, line::Parity::space, line::StopBits::two, line::FlowControl::xon_xoff}};
    log.append_event(port::SettingsChanged{settings});
    log.append_event(port::SignalsChanged{{true, false, true, false, true, false}});
    log.append_event(port::LineErrorsCounted{{1, 2, 3, 4}});
    log.append_event(port::WentOffline{std::string(event_text_bytes_max - 1, 'x') + "\u00e4 and more"});
    log.append_event(port::CameOnline{"/dev/x"});
    log.append_event(port::BreakSent{250ms});
    log.append_event(port::WriterChanged{"someone"});
    log.append_event(port::Flushed{line::FlushDirection::output, 5'000'000'000, "flasher"});
    log.append_event(port::ForeignReadersFound{{"agetty (pid 12)", "sh (pid 13)"}});
    log.append_event(port::OutputHeld{true});
    log.append_event(port::SettingsChanged{settings, true});
    log.append_event(port::Notice{"reboot at 5", "ann"});
    log.append_event(port::Notice{std::string(1000, 'n'), "bob"});

    const ByteLog next(opened(file));

    const auto& events = next.events();
    ASSERT_EQ(events.size(), 13U);
    EXPECT_EQ(std::get<port::SettingsChanged>(events[0].event).settings, settings);
    EXPECT_EQ(std::get<port::SignalsChanged>(events[1].event).signals,
              (line::Signals{true, false, true, false, true, false}));
    EXPECT_EQ(std::get<port::LineErrorsCounted>(events[2].event).errors, (line::LineErrors{1, 2, 3, 4}));
    // Not in the middle of a character.
    EXPECT_EQ(std::get<port::WentOffline>(events[3].event).reason, std::string(event_text_bytes_max - 1, 'x'));
    EXPECT_EQ(std::get<port::CameOnline>(events[4].event).device, "/dev/x");
    EXPECT_EQ(std::get<port::BreakSent>(events[5].event).duration, 250ms);
    EXPECT_EQ(std::get<port::WriterChanged>(events[6].event).client, "someone");
    EXPECT_EQ(events[6].number, 7U);
    EXPECT_EQ(events[6].at.boot, log.events()[6].at.boot);
    const auto& flushed = std::get<port::Flushed>(events[7].event);
    EXPECT_EQ(flushed.direction, line::FlushDirection::output);
    EXPECT_EQ(flushed.bytes, 5'000'000'000U);
    EXPECT_EQ(flushed.client, "flasher");
    EXPECT_EQ(std::get<port::ForeignReadersFound>(events[8].event).processes,
              (std::vector<std::string>{"agetty (pid 12)", "sh (pid 13)"}));
    EXPECT_TRUE(std::get<port::OutputHeld>(events[9].event).held);
    EXPECT_FALSE(std::get<port::SettingsChanged>(events[0].event).changed_outside);
    EXPECT_TRUE(std::get<port::SettingsChanged>(events[10].event).changed_outside);
    EXPECT_EQ(std::get<port::Notice>(events[11].event).text, "reboot at 5");
    EXPECT_EQ(std::get<port::Notice>(events[11].event).from, "ann");
    EXPECT_EQ(std::get<port::Notice>(events[12].event).text, std::string(event_text_bytes_max - 3, 'n') + "...");
    EXPECT_EQ(std::get<port::Notice>(events[12].event).from, "bob");
}

TEST(LogStore, EventTextThatIsNotUtf8ComesBackAsUtf8) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    log.append_event(port::WentOffline{"held by pid 7 (nr-\xC3)"});

    const ByteLog next(opened(file));

    ASSERT_EQ(next.events().size(), 1U);
    EXPECT_EQ(std::get<port::WentOffline>(next.events()[0].event).reason, "held by pid 7 (nr-\uFFFD)");
}

TEST(LogStore, WhatIsLeftBetweenTwoCallsIsWhatTheLogHadAndWhatWasReadSince) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    for (int step = 0; step < 60; ++step) {
        if (step % 7 == 3) log.append_event(port::BreakSent{1ms});
        const auto room = log.space();
        EXPECT_EQ(content_of(ByteLog(opened(copy_of(file)))), content_of(log)) << "step " << step;
        const std::size_t size = step % 3 == 0 ? room.size() : 1 + room.size() / 5;
        const std::string text = pattern(log.next_offset(), size);
        std::memcpy(room.data(), text.data(), size);  // read from the device, and not yet counted
        const ByteLog next(opened(copy_of(file)));
        log.commit(size);
        EXPECT_EQ(content_of(next), content_of(log)) << "step " << step;
    }
}

TEST(LogStore, BytesThatWereReadAndNotCountedAreCountedOnce) {
    const base::Fd file = memory_file();
    const std::string text = pattern(0, 700);
    {
        ByteLog log(created(file));
        std::memcpy(log.space().data(), text.data(), text.size());
    }
    for (int process = 0; process < 2; ++process) {
        const ByteLog next(opened(file));
        EXPECT_EQ(next.next_offset(), text.size());
        EXPECT_EQ(content_of(next).bytes, text);
    }
}

TEST(LogStore, EventsKeepTheirNumbersAndThoseThatFollowGoOn) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    for (std::size_t i = 0; i < log_events_max + 5; ++i) log.append_event(port::BreakSent{1ms});

    ByteLog next(opened(file));
    next.append_event(port::WentOffline{"gone"});

    EXPECT_EQ(next.events().back().number, log_events_max + 6);
    EXPECT_EQ(next.events().front().number, 7U);
}

TEST(LogStore, ARestartedLogThatIsKilledBeforeItsFirstEventNumbersThemAsAsked) {
    const base::Fd file = memory_file();
    created(file)->restart_as("0123456789abcdef0123456789abcdef", 5000, 70);

    auto store = opened(file);
    EXPECT_EQ(store->id(), "0123456789abcdef0123456789abcdef");
    EXPECT_EQ(store->found_head(), 5000u);
    store->expect_events(70);
    ByteLog log(std::move(store));

    EXPECT_EQ(log.oldest_offset(), 5000u);
    EXPECT_EQ(log.head(), (Cursor{5000, 70}));
    append(log, 10);
    log.append_event(port::WentOffline{"a test"});
    EXPECT_EQ(log.head(), (Cursor{5010, 71}));
    store = nullptr;
    store = opened(file);
    store->expect_events(71);
    EXPECT_EQ(ByteLog(std::move(store)).head(), (Cursor{5010, 71}));
}

/// What the child has promised, for the parent that stops it.
struct Promise {
    std::atomic<std::uint64_t> bytes_done, bytes_begun;
};

void write_step_by_step(const base::Fd& file, Promise& promise) {
    ByteLog log(opened(file));
    const auto put = [&] {
        promise.bytes_begun = log.next_offset() + 1;
        log.space().front() = static_cast<std::byte>(pattern_at(log.next_offset()));
        log.commit(1);
        promise.bytes_done = log.next_offset();
    };
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    put();  // the last into its block
    put();  // into one that was trimmed and is taken again
    log.append_event(port::WentOffline{"gone"});
    put();
    ::_exit(0);
}

/// A kill after every single instruction.
TEST(LogStore, AKillAtAnyInstructionLeavesWhatHadReachedTheLog) {
    if (VSERD_SANITIZED) GTEST_SKIP() << "a sanitizer's instructions are too many to stop after each";
    const base::Fd file = memory_file();
    std::uint64_t begin = 0;
    {
        ByteLog log(created(file));
        append(log, 6 * block_bytes);  // so that all slots of its own have been used
        append(log, log.space().size() - 4096);
        begin = log.next_offset();
    }
    void* const shared = ::mmap(nullptr, sizeof(Promise), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto& promise = *static_cast<Promise*>(shared);
    promise.bytes_done = promise.bytes_begun = begin;
    const pid_t child = ::fork();
    if (child == 0) write_step_by_step(file, promise);
    int status = 0;
    ::waitpid(child, &status, 0);
    std::uint64_t seen = 0;
    std::size_t heads = 0;
    while (WIFSTOPPED(status)) {
        const auto store = LogStore::open(again(file), identity);
        ASSERT_TRUE(store) << store.error().message;
        const std::uint64_t head = (*store)->found_head();
        ASSERT_GE(head, promise.bytes_done.load());
        ASSERT_LE(head, promise.bytes_begun.load());
        if (head != seen) {
            const auto blocks = (*store)->take_found();
            ASSERT_GE(head - blocks.front()->first_offset, identity.capacity_bytes);
            for (const BlockRef& block : blocks) {
                for (std::size_t i = 0; i < block->used; ++i) {
                    ASSERT_EQ(static_cast<char>(block->data[i]), pattern_at(block->first_offset + i));
                }
            }
            seen = head;
            ++heads;
        }
        ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
        ::waitpid(child, &status, 0);
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(heads, 4U);  // at the beginning, and after each byte
    ::munmap(shared, sizeof(Promise));
}

/// What opening it gives while one bit of a byte is another.
Result<LogStoreRef> opened_with_damage(const base::Fd& file, std::size_t at) {
    const auto flip = [&] {
        char byte = 0;
        EXPECT_EQ(::pread(file.get(), &byte, 1, static_cast<off_t>(at)), 1);
        byte = static_cast<char>(byte ^ 0x10);
        EXPECT_EQ(::pwrite(file.get(), &byte, 1, static_cast<off_t>(at)), 1);
    };
    flip();
    auto store = LogStore::open(again(file), identity);
    flip();
    return store;
}

TEST(LogStore, ADamagedHeaderIsRefusedWhateverTheByte) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    append(log, 2 * block_bytes);
    for (std::size_t at = 0; at < offsetof(LogHeader, unsaved); ++at) {
        const auto store = opened_with_damage(file, at);
        ASSERT_FALSE(store) << "byte " << at;
        EXPECT_THAT(store.error().message, testing::AnyOf(HasSubstr("is damaged"), HasSubstr("version")));
    }
}

TEST(LogStore, ADamagedBlockIsRefused) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    append(log, 2 * block_bytes);
    for (std::size_t at = 0; at < sizeof(LogSlot); ++at) {
        const auto store = opened_with_damage(file, sizeof(LogHeader) + at);
        ASSERT_FALSE(store) << "byte " << at;
        EXPECT_THAT(store.error().message, HasSubstr("is damaged: the checksum of block 0"));
    }
}

TEST(LogStore, WhatIsNoLogOrAnothersIsRefused) {
    const base::Fd file = memory_file();
    created(file);
    const auto refusal = [&](const LogIdentity& other) { return LogStore::open(again(file), other).error().message; };

    EXPECT_THAT(refusal({"other", identity.device, identity.capacity_bytes}), HasSubstr("belongs to port \"board\""));
    EXPECT_THAT(refusal({"board", "/dev/ttyUSB1", identity.capacity_bytes}), HasSubstr("another device"));
    EXPECT_THAT(refusal({"board", identity.device, 1 << 20}), HasSubstr("bytes_per_port"));
    EXPECT_THAT(LogStore::open(memory_file(), identity).error().message, HasSubstr("too short"));
    ASSERT_EQ(::ftruncate(file.get(), 8192), 0);
    EXPECT_THAT(refusal(identity), HasSubstr("bytes_per_port"));
}

TEST(LogStore, AFileCutShortWhileADeviceIsReadIntoItBecomesAGap) {
    MappedFile::install_handler();
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    append(log, 100);
    const auto space = log.space();
    ASSERT_EQ(::ftruncate(file.get(), 0), 0);

    Cursor cursor = log.at_offset(0);
    const auto lost = log.read(cursor, 1 << 20);
    EXPECT_TRUE(log.is_lost(*lost));  // a reader meets the cut while the read is under way
    space.front() = std::byte{'x'};
    log.commit(1);

    EXPECT_EQ(log.oldest_offset(), 100U);
    EXPECT_EQ(log.next_offset(), 101U);
    EXPECT_EQ(content_of(log).bytes, "x");
    append(log, 2 * block_bytes);
    EXPECT_EQ(content_of(log).bytes, "x" + pattern(101, 2 * block_bytes));
}

/// More blocks than the log has to spare, which those who read them keep.
std::vector<Item> held_by_stopped_readers(ByteLog& log) {
    std::vector<Item> held;
    while (held.size() < 2 * log_spare_slots) {
        Cursor cursor = log.head();
        append(log, block_bytes);
        while (auto item = log.read(cursor, block_bytes)) held.push_back(std::move(*item));
    }
    return held;
}

TEST(LogStore, BytesThatStoppedReadersCrowdOutAreServedAndTheirOffsetsAreNotUsedAgain) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    std::vector<Item> held = held_by_stopped_readers(log);
    EXPECT_EQ(content_of(log).bytes, pattern(log.oldest_offset(), identity.capacity_bytes));

    ByteLog next(opened(copy_of(file)));
    EXPECT_EQ(next.next_offset(), log.next_offset());
    EXPECT_EQ(next.oldest_offset(), next.next_offset());  // a reader is told of a gap

    held.clear();
    append(log, 2 * block_bytes);
    ByteLog later(opened(file));
    EXPECT_EQ(later.next_offset(), log.next_offset());
    EXPECT_EQ(content_of(later).bytes, pattern(later.oldest_offset(), later.next_offset() - later.oldest_offset()));
    EXPECT_GT(content_of(later).bytes.size(), block_bytes);
}

TEST(LogStore, WhatStoppedReadersCrowdedOutIsSavedWhenTheyHaveGone) {
    const base::Fd file = memory_file();
    ByteLog log(created(file));
    std::vector<Item> held = held_by_stopped_readers(log);
    const auto all = content_of(log);
    held.clear();

    log.save_heap_blocks();

    EXPECT_EQ(content_of(log), all);
    EXPECT_EQ(content_of(ByteLog(opened(file))), all);
}

TEST(LogStore, BlocksOutliveTheLogAndItsFile) {
    std::optional<Item> item;
    {
        const base::Fd file = memory_file();
        ByteLog log(created(file));
        append(log, 100);
        Cursor cursor;
        item = log.read(cursor, 100);
    }
    const Slice& slice = std::get<DataItem>(*item).slices.front();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(slice.data), slice.size), pattern(0, 100));
}

TEST(LogStore, SettingsFitIntoAWordAndADamagedOneIsFound) {
    const line::Settings settings{4'000'000'000,
                                  {5, line::Parity::mark, line::StopBits::one_and_half, line::FlowControl::rts_cts}};
    EXPECT_EQ(unpacked(packed(settings)), settings);
    EXPECT_FALSE(unpacked(packed(settings) ^ 0x10));
    EXPECT_FALSE(unpacked(0));
}

}  // namespace
}  // namespace vserd::log
