#include "power/write_log.hpp"

#include <fcntl.h>

#include <array>
#include <cstring>

#include "archive/files.hpp"

namespace vserd::power {
namespace {

// drivers/md/dm-log-writes.c; all numbers are little-endian, like this machine's.
constexpr std::uint64_t magic = 0x6a736677736872;
constexpr std::uint64_t version = 1;
enum Flag : std::uint64_t { flag_flush = 1, flag_fua = 2, flag_discard = 4, flag_mark = 8 };

struct Super {
    std::uint64_t magic;
    std::uint64_t version;
    std::uint64_t entries;
    std::uint32_t sector_bytes;
};

struct Entry {
    std::uint64_t sector;
    std::uint64_t sectors;
    std::uint64_t flags;
    std::uint64_t data_bytes;  // of a mark, behind the entry
};

template <class Value>
Result<Value> read_value(const base::Fd& file, std::uint64_t at, const std::string& path) {
    std::array<std::byte, sizeof(Value)> bytes{};
    const auto got = archive::read_at(file, bytes, at, path);
    if (!got) return got.error();
    if (*got < bytes.size()) return Error{Failure::invalid_argument, 0, {}, path + " ends too early"};
    Value value;
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
}

}  // namespace

Result<WriteLog> WriteLog::open(const std::string& path) {
    WriteLog log;
    auto file = archive::open_file(path, O_RDONLY);
    if (!file) return file.error();
    log.file_ = std::move(*file);
    log.path_ = path;
    if (auto read = log.read_entries(); !read) return read.error();
    return log;
}

Result<void> WriteLog::read_entries() {
    const auto super = read_value<Super>(file_, 0, path_);
    if (!super) return super.error();
    if (super->magic != magic || super->version != version)
        return Error{Failure::invalid_argument, 0, {}, path_ + " is not a log of dm-log-writes"};
    const std::uint64_t sector = super->sector_bytes;
    std::uint64_t at = sector;
    for (std::uint64_t i = 0; i < super->entries; ++i) {
        const auto entry = read_value<Entry>(file_, at, path_);
        if (!entry) return entry.error();
        LoggedWrite write{entry->sector * sector, entry->sectors * sector, at + sector};
        write.flush = (entry->flags & flag_flush) != 0;
        write.durable = (entry->flags & flag_fua) != 0;
        write.discard = (entry->flags & flag_discard) != 0;
        if ((entry->flags & flag_mark) != 0) {
            write.mark.resize(entry->data_bytes);
            const auto mark = std::as_writable_bytes(std::span(write.mark));
            if (auto got = archive::read_at(file_, mark, at + sizeof(Entry), path_); !got) return got.error();
        }
        at += sector + (write.discard ? 0 : write.bytes);
        writes_.push_back(std::move(write));
    }
    return {};
}

Result<void> WriteLog::apply(const LoggedWrite& write, const base::Fd& to) const {
    archive::Bytes bytes(write.bytes);
    if (!write.discard) {
        const auto got = archive::read_at(file_, bytes, write.data, path_);
        if (!got) return got.error();
        if (*got < bytes.size()) return Error{Failure::invalid_argument, 0, {}, path_ + " ends too early"};
    }
    return archive::write_at(to, bytes, write.at, "the copy");
}

}  // namespace vserd::power
