#include "vserctl/transfer_progress.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "vserctl/describe.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

constexpr std::size_t message_bytes_max = 4096;
constexpr std::chrono::milliseconds show_interval{200};
constexpr std::uint64_t sector_bytes = 128;
constexpr std::uint64_t bar_columns = 30;

/// The number behind `label`; moves `text` behind it.
std::optional<std::uint64_t> number_after(std::string_view& text, std::string_view label) {
    const auto at = text.find(label);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + label.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

}  // namespace

void TransferProgress::on_messages(std::string_view text) {
    for (const char c : text) {
        if (c != '\r' && c != '\n') {
            if (line_.size() < message_bytes_max) line_ += c;
            continue;
        }
        on_line(line_);
        line_.clear();
    }
}

void TransferProgress::on_line(std::string_view line) {
    for (const auto* const label : {"Bytes Sent:", "Bytes received:", "sectors/kbytes sent:"}) {
        auto rest = line;
        const auto number = number_after(rest, label);
        if (!number) continue;
        // YMODEM ends with an empty file name, which is a block 0 again.
        bytes_ = std::max(bytes_, *number * (std::string_view(label).starts_with("sectors") ? sector_bytes : 1));
        auto total = rest;
        if (total_ == 0 && label == std::string_view("Bytes received:")) total_ = number_after(total, "/").value_or(0);
        if (total_ > 0) bytes_ = std::min(bytes_, total_);
        return;
    }
    const bool tells = line.find_first_not_of(' ') != std::string_view::npos && line.find("Blocks received") != 0 &&
                       line.find("Retry") != 0;
    if (tells) last_message_ = line;
}

void TransferProgress::show() {
    const auto now = std::chrono::steady_clock::now();
    if (style_ == Style::none || now - shown_ < show_interval) return;
    shown_ = now;
    if (style_ == Style::json) {
        JsonObject progress;
        progress.field("bytes", bytes_);
        if (total_ > 0) progress.field("total", total_);
        return put(JsonObject().field("progress", progress).text() + "\n");
    }
    const auto seconds = std::max(std::chrono::duration<double>(now - begin_).count(), 0.1);
    const auto speed = human_bytes(static_cast<std::uint64_t>(static_cast<double>(bytes_) / seconds));
    std::string bar;
    if (total_ > 0) {
        const auto full = bytes_ * bar_columns / total_;
        bar = fmt::format("{:3}% [{:<{}}] ", bytes_ * 100 / total_, std::string(full, '#'), bar_columns);
    }
    put_message(fmt::format("\r\x1b[K{} {}{} {}/s", printable(file_), bar, human_bytes(bytes_), speed));
}

void TransferProgress::clear() const {
    if (style_ == Style::bar) put_message("\r\x1b[K");
}

}  // namespace vserctl
