#include "archive/seek_table.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace vserd::archive {
namespace {

constexpr std::uint32_t skippable_magic = 0x184D'2A5E;
constexpr std::uint32_t seekable_magic = 0x8F92'EAB1;
constexpr std::size_t skippable_header_bytes = 8;
constexpr std::uint8_t checksum_flag = 0x80;
constexpr std::uint8_t reserved_bits = 0x7C;

struct Footer {
    std::uint32_t frames;
    std::uint8_t descriptor;
    std::uint32_t magic;

    std::size_t entry_bytes() const noexcept { return (descriptor & checksum_flag) != 0 ? 12 : 8; }
    std::size_t table_bytes() const noexcept {
        return skippable_header_bytes + frames * entry_bytes() + seek_footer_bytes;
    }
};

Footer footer_of(ByteView table) noexcept {
    Unpacker fields(table.last(seek_footer_bytes));
    return {fields.number<std::uint32_t>(), fields.number<std::uint8_t>(), fields.number<std::uint32_t>()};
}

Error damaged_table(const char* message) { return {Failure::invalid_argument, 0, {}, message}; }

}  // namespace

void SeekTable::add(std::size_t file_bytes, std::size_t content_bytes) {
    const std::uint64_t file_at = frames_.empty() ? 0 : frames_.back().file_at + frames_.back().file_bytes;
    frames_.push_back({file_at, static_cast<std::uint32_t>(file_bytes), this->content_bytes(),
                       static_cast<std::uint32_t>(content_bytes)});
}

Bytes SeekTable::packed() const {
    const Footer footer{static_cast<std::uint32_t>(frames_.size()), 0, seekable_magic};
    Packer bytes;
    bytes.number(skippable_magic);
    bytes.number(static_cast<std::uint32_t>(footer.table_bytes() - skippable_header_bytes));
    for (const Frame& frame : frames_) bytes.number(frame.file_bytes).number(frame.bytes);
    bytes.number(footer.frames).number(footer.descriptor).number(footer.magic);
    return bytes.take();
}

Result<std::size_t> SeekTable::bytes_of(ByteView footer, std::uint64_t file_bytes) {
    if (footer.size() < seek_footer_bytes) return damaged_table("is too short for a sealed segment");
    const Footer fields = footer_of(footer);
    if (fields.magic != seekable_magic) return damaged_table("has no seek table");
    if ((fields.descriptor & reserved_bits) != 0 || fields.frames > frames_max || fields.table_bytes() > file_bytes)
        return damaged_table("has a damaged seek table");
    return fields.table_bytes();
}

Result<SeekTable> SeekTable::unpacked(ByteView table, std::uint64_t file_bytes) {
    const auto size = bytes_of(table, file_bytes);
    if (!size) return size.error();
    if (*size != table.size()) return damaged_table("has a damaged seek table");
    const Footer footer = footer_of(table);
    Unpacker fields(table);
    const bool framed = fields.number<std::uint32_t>() == skippable_magic &&
                        fields.number<std::uint32_t>() == *size - skippable_header_bytes;
    if (!framed) return damaged_table("has a damaged seek table");
    SeekTable seek;
    for (std::uint32_t i = 0; i < footer.frames; ++i) {
        const auto stored = fields.number<std::uint32_t>();
        const auto content = fields.number<std::uint32_t>();
        if (footer.entry_bytes() == 12) fields.number<std::uint32_t>();
        if (content == 0 || content > frame_bytes_max || stored == 0 || stored > 2 * frame_bytes_max)
            return damaged_table("has a damaged seek table");
        seek.add(stored, content);
    }
    const std::uint64_t end = seek.frames_.empty() ? 0 : seek.frames_.back().file_at + seek.frames_.back().file_bytes;
    if (end + *size != file_bytes) return damaged_table("has a seek table that does not match its frames");
    return seek;
}

std::size_t SeekTable::frame_at(std::uint64_t position) const noexcept {
    const auto after = std::upper_bound(frames_.begin(), frames_.end(), position,
                                        [](std::uint64_t wanted, const Frame& frame) { return wanted < frame.at; });
    return static_cast<std::size_t>(std::distance(frames_.begin(), after)) - 1;
}

}  // namespace vserd::archive
