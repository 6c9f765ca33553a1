#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vserctl {

/// How far a transfer is: read from the messages of lrzsz, and shown as a bar on a terminal, as JSON lines, or not at all.
class TransferProgress {
public:
    enum class Style : std::uint8_t { none, bar, json };

    /// `total`: the bytes of the file; 0 if unknown.
    TransferProgress(std::string file, std::uint64_t total, Style style)
        : file_(std::move(file)), total_(total), style_(style) {}

    /// What lrzsz wrote to standard error: lines that end with \r or \n.
    void on_messages(std::string_view text);
    /// Shows the progress, a few times each second.
    void show();
    /// Removes the bar.
    void clear() const;

    std::uint64_t bytes() const noexcept { return bytes_; }
    /// False if the file's size is known, and less was transferred.
    bool complete() const noexcept { return bytes_ >= total_; }
    /// The last message that is not progress: why a transfer failed.
    const std::string& last_message() const noexcept { return last_message_; }

private:
    void on_line(std::string_view line);

    std::string file_;
    std::uint64_t total_;
    Style style_;
    std::uint64_t bytes_ = 0;
    std::string line_;  // not ended yet
    std::string last_message_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_{};
};

}  // namespace vserctl
