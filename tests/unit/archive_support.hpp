#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/names.hpp"
#include "archive/port_archive.hpp"

namespace vserd::archive {

/// A directory that goes away with the test.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        // Memory, if there is: tests do not wait for a disk.
        const bool in_memory = std::filesystem::is_directory("/dev/shm");
        const auto parent = in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
        std::string name = (parent / "vserd-archive-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

inline log::WallTime at_second(double second) {
    return log::WallTime{std::chrono::duration_cast<log::WallTime::duration>(std::chrono::duration<double>(second))};
}

inline ByteView view(std::string_view text) { return std::as_bytes(std::span{text}); }

/// The byte that a test's device sends at an offset.
inline char device_byte(std::uint64_t offset) { return static_cast<char>('!' + (offset * 2654435761U >> 16U) % 90); }

inline std::string device_bytes(std::uint64_t from, std::size_t size) {
    std::string text;
    text.reserve(size);
    for (std::size_t i = 0; i < size; ++i) text += device_byte(from + i);
    return text;
}

inline log::EventItem event_item(std::uint64_t offset, std::uint64_t number, port::Event event, double second = 1) {
    return {offset, {at_second(second), log::before_this_boot}, std::move(event), number};
}

inline std::string contents_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void overwrite(const std::string& path, std::size_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
}

/// Everything from the cursor on, as "TEXT@offset", "gap[from,to)+events reason" and "event N@offset". Data that follow each
/// other are joined.
inline std::vector<std::string> read_on(ArchiveReader& reader, log::Cursor& cursor, std::size_t bytes_max = 1 << 20U) {
    std::vector<std::string> items;
    std::string text;
    std::uint64_t text_at = 0;
    const auto end_text = [&] {
        if (!text.empty()) items.push_back(text + "@" + std::to_string(text_at));
        text.clear();
    };
    ReadBatch batch;
    while (!batch.at_end) {
        if (auto read = reader.read(cursor, bytes_max, batch); !read) return {"error " + read.error().message};
        for (const ArchivedItem& item : batch.items) {
            if (const auto* data = std::get_if<ArchivedData>(&item)) {
                if (text.empty()) text_at = data->offset;
                const ByteView bytes = batch.of(*data);
                text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                continue;
            }
            end_text();
            if (const auto* gap = std::get_if<ArchivedGap>(&item))
                items.push_back("gap[" + std::to_string(gap->gap.from) + "," + std::to_string(gap->gap.to) + ")+" +
                                std::to_string(gap->gap.events_lost) + " " + gap->reason);
            else
                items.push_back("event " + std::to_string(std::get<log::EventItem>(item).number) + "@" +
                                std::to_string(std::get<log::EventItem>(item).offset));
        }
    }
    end_text();
    return items;
}

inline std::vector<std::string> read_all(const std::string& port_directory, std::string log_id = {}) {
    ArchiveReader reader(port_directory, std::move(log_id));
    log::Cursor cursor = reader.oldest().value();
    return read_on(reader, cursor);
}

}  // namespace vserd::archive
