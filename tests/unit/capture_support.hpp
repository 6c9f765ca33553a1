#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "capture/capture.hpp"
#include "capture/capture_writer.hpp"

namespace vserd::capture {

/// A file without a name, with that content.
inline base::Fd file_with(std::string_view content) {
    base::Fd file(::memfd_create("capture", MFD_CLOEXEC));
    for (std::size_t at = 0; at < content.size();) {
        const auto put = ::write(file.get(), content.data() + at, content.size() - at);
        if (put <= 0) return {};
        at += static_cast<std::size_t>(put);
    }
    return file;
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline Time at_ms(std::int64_t ms) { return Time(std::chrono::milliseconds(1'790'000'000'000 + ms)); }

inline Record rx(std::int64_t ms, std::uint64_t offset, std::string_view text) {
    return {at_ms(ms), Data{Direction::rx, offset, bytes_of(text)}};
}
inline Record tx(std::int64_t ms, std::uint64_t offset, std::string_view text) {
    return {at_ms(ms), Data{Direction::tx, offset, bytes_of(text)}};
}
inline Record event(std::int64_t ms, std::string name, std::string text = {}) {
    return {at_ms(ms), Event{0, std::move(name), std::move(text)}};
}

/// The content of a capture file.
inline std::string capture_of(const std::vector<Record>& records) {
    std::string text;
    CaptureWriter writer([&text](std::string_view line) {
        text += line;
        return Result<void>{};
    });
    bool written = writer.begin({"board", "log-1"}).has_value();
    for (const Record& record : records) written = written && writer.add(record).has_value();
    return written && writer.end() ? text : std::string{};
}

}  // namespace vserd::capture
