#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "archive/archive_reader.hpp"
#include "archive/check.hpp"
#include "archive/crc32c.hpp"
#include "archive/index_format.hpp"
#include "archive/names.hpp"
#include "archive/port_archive.hpp"
#include "archive/seal.hpp"
#include "fuzz/fuzz.hpp"

namespace vserd {

/// The archive of one port with known bytes, to be damaged.
class ArchiveRig {
public:
    explicit ArchiveRig(const std::string& name) {
        const std::string parent = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
        directory_ = parent + "/vserd-fuzz-archive-" + name + "-" + std::to_string(::getpid());
        clear();
    }
    ~ArchiveRig() { clear(); }
    ArchiveRig(const ArchiveRig&) = delete;
    ArchiveRig& operator=(const ArchiveRig&) = delete;

    static char byte_at(std::uint64_t offset) { return static_cast<char>(offset * 2654435761U >> 13U); }

    /// Up to eight pieces with events and gaps between them.
    void fill(Input& input, std::uint64_t segment_bytes) {
        archive::PortArchive writer = open(segment_bytes);
        for (unsigned steps = 1 + input.byte() % 8; steps > 0; --steps) append(writer, input);
        require(writer.sync().has_value(), "a new archive can be written");
        bytes_ = writer.next().offset;
    }

    void seal() {
        const auto bases = archive::segment_bases(path()).value();
        for (std::size_t i = 0; i + 1 < bases.size(); ++i)
            require(archive::seal_segment(path(), bases[i], 1).has_value(), "a segment can be sealed");
    }

    void damage_index(Input& input) { damage(pick(input, archive::index_suffix), input); }
    void damage_data(Input& input) {
        damage(pick(input, input.byte() % 4 == 0 ? archive::log_suffix : archive::sealed_suffix), input);
    }

    /// As a writer of another mind might have left it: all checksums of units are right.
    void mend_checksums() {
        for (const std::uint64_t base : archive::segment_bases(path()).value()) {
            const std::string file = archive::SegmentPaths(path(), base).index;
            std::string text = contents(file);
            if (text.size() < archive::index_header_bytes) continue;
            mend(text.data(), archive::index_header_bytes, 0);
            const std::uint32_t seed = archive::header_checksum(std::as_bytes(std::span{text}));
            std::uint32_t unit = 0;
            for (std::size_t at = archive::index_header_bytes; at + archive::index_unit_bytes <= text.size();
                 at += archive::index_unit_bytes)
                mend(text.data() + at, archive::index_unit_bytes, seed ^ unit++);
            std::ofstream(file, std::ios::binary) << text;
        }
    }

    /// By readers of different patience, by offset and by time.
    void read_everything(bool all_right) const {
        for (const std::size_t bytes_max : {std::size_t{1} << 20U, std::size_t{700}}) {
            archive::ArchiveReader reader(path());
            read_on(reader, {}, bytes_max, all_right);
        }
        archive::ArchiveReader reader(path());
        for (const auto& cursor :
             {reader.oldest(), reader.at_offset(bytes_ / 2), reader.at_time(log::WallTime{std::chrono::seconds{3}})}) {
            require(cursor.has_value(), "a position is found");
            read_on(reader, *cursor, 5000, all_right);
        }
        require(archive::verify_port(path()).has_value(), "damage does not stop the verification");
    }

    void write_on(Input& input, bool all_right) {
        auto writer = archive::PortArchive::open({directory_, "board", "log-1", 3000, std::chrono::hours{24}});
        if (!writer && !all_right && writer.error().failure == Failure::unsupported) return;  // of a later version
        require(writer.has_value(), "damage does not stop a writer");
        if (writer->next().offset > std::uint64_t{1} << 40U || writer->next().event > std::uint64_t{1} << 40U) return;
        append(*writer, input);
        require(writer->sync().has_value(), "a writer goes on");
        archive::ArchiveReader reader(path());
        read_on(reader, {}, 5000, all_right);
        const auto repaired = archive::repair_port(path());
        if (!repaired && !all_right && repaired.error().failure == Failure::unsupported) return;
        require(repaired.has_value(), "an archive can be repaired");
        read_on(reader, {}, 5000, all_right);
    }

private:
    std::string path() const { return directory_ + "/board"; }
    void clear() const {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    archive::PortArchive open(std::uint64_t segment_bytes) const {
        return archive::PortArchive::open({directory_, "board", "log-1", segment_bytes, std::chrono::hours{24}})
            .value();
    }

    void append(archive::PortArchive& writer, Input& input) {
        const unsigned what = input.byte();
        const log::Cursor next = writer.next();
        second_ += what % 5;
        const log::WallTime now{std::chrono::seconds{second_}};
        std::string text(1 + std::size_t{input.byte()} * 8, '\0');
        const std::uint64_t from = next.offset + (what % 8 == 7 ? 100 : 0);
        for (std::size_t i = 0; i < text.size(); ++i) text[i] = byte_at(from + i);
        require(writer.append_data(from, std::as_bytes(std::span{text}), now).has_value(), "data are appended");
        if (what % 3 == 0) return;
        const port::Notice notice{std::string(what, 'n'), "fuzz"};
        const bool appended =
            writer.append_event({writer.next().offset, {now, log::before_this_boot}, notice, writer.next().event + 1})
                .has_value();
        require(appended, "events are appended");
    }

    std::string pick(Input& input, std::string_view suffix) const {
        std::vector<std::string> files;
        for (const std::string& name : archive::names_in(path()).value())
            if (archive::base_in(name, suffix)) files.push_back(path() + "/" + name);
        return files.empty() ? std::string{} : files[input.byte() % files.size()];
    }

    static std::string contents(const std::string& file) {
        std::ifstream stream(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    static void damage(const std::string& file, Input& input) {
        std::error_code error;
        const auto size = file.empty() ? 0 : std::filesystem::file_size(file, error);
        const std::size_t at = std::size_t{input.byte()} << 8U | input.byte();
        const unsigned how = input.byte();
        if (error || size == 0) return;
        if (how % 8 == 7) return std::filesystem::resize_file(file, at % size);
        // From the end in half of the cases: that is where a power loss and a seek table are.
        const std::size_t place = how % 2 == 0 ? at % size : size - 1 - at % std::min<std::size_t>(size, 300);
        std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
        stream.seekp(static_cast<std::streamoff>(place));
        stream << input.take(1 + how % 16);
    }

    static void mend(char* bytes, std::size_t size, std::uint32_t seed) {
        const std::uint32_t crc = archive::crc32c(std::as_bytes(std::span{bytes, size - 4}), seed);
        for (unsigned i = 0; i < 4; ++i) bytes[size - 4 + i] = static_cast<char>(crc >> (8 * i));
    }

    static void read_on(archive::ArchiveReader& reader, log::Cursor cursor, std::size_t bytes_max, bool all_right) {
        archive::ReadBatch batch;
        for (int batches = 0; !batch.at_end; ++batches) {
            require(batches < 10'000, "a reader comes to the end");
            log::Cursor at = cursor;
            require(reader.read(cursor, bytes_max, batch).has_value(), "damage is no error");
            for (const archive::ArchivedItem& item : batch.items) follow(item, batch, at, all_right);
            require(cursor.offset == at.offset && cursor.event >= at.event, "the cursor is behind the items");
        }
    }

    static void follow(const archive::ArchivedItem& item, const archive::ReadBatch& batch, log::Cursor& at,
                       bool all_right) {
        if (const auto* gap = std::get_if<archive::ArchivedGap>(&item)) {
            require(gap->gap.from == at.offset && gap->gap.to >= at.offset, "a gap begins where the reader is");
            require(!gap->reason.empty() || !all_right, "a gap has a reason");
            at.offset = gap->gap.to;
            at.event += gap->gap.events_lost;
        } else if (const auto* data = std::get_if<archive::ArchivedData>(&item)) {
            require(data->offset == at.offset && data->size > 0, "data follow what was read");
            const archive::ByteView bytes = batch.of(*data);
            for (std::size_t i = 0; all_right && i < bytes.size(); ++i)
                require(static_cast<char>(bytes[i]) == byte_at(data->offset + i), "every byte is right");
            at.offset += data->size;
        } else {
            const auto& event = std::get<log::EventItem>(item);
            require(event.offset == at.offset && event.number > at.event, "an event is in its place");
            at.event = event.number;
        }
    }

    std::string directory_;
    std::uint64_t bytes_ = 0;
    std::int64_t second_ = 0;
};

}  // namespace vserd
