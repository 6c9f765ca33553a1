#pragma once

#include <spdlog/sinks/sink.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vserd {

/// One line on its way to systemd's journal or standard error.
struct JournalLine {
    spdlog::level::level_enum level = spdlog::level::info;
    spdlog::log_clock::time_point time;
    std::string text;
    std::vector<std::string> fields;  ///< "PORT=board"
};

/// The destination of the lines. May block; called by the queue's thread only.
class JournalOutput {
public:
    virtual ~JournalOutput() = default;
    virtual void write(const JournalLine& line) = 0;
};

/// Takes lines without blocking the caller and writes them on its own thread. If the output accepts nothing, the oldest lines
/// are dropped and counted; the number is reported when the output accepts lines again. Repeated lines are summed up. Any
/// thread.
class JournalQueue final : public spdlog::sinks::sink {
public:
    static constexpr std::size_t lines_max = 1024;
    /// The maximum, in `repeat_window`, of lines of one port (or of none) that differ only in numbers.
    static constexpr std::size_t repeats_max = 20;
    static constexpr std::chrono::seconds repeat_window{10};

    explicit JournalQueue(std::unique_ptr<JournalOutput> output);
    /// Waits until the queued lines are written, but not for a reader that has stopped: the thread is abandoned then.
    ~JournalQueue() override;

    void log(const spdlog::details::log_msg& message) override;
    void flush() override {}
    void set_pattern(const std::string& /*pattern*/) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

    /// Waits until all lines are written, at most `limit`.
    void drain(std::chrono::milliseconds limit);
    std::uint64_t dropped() const noexcept;

private:
    struct Shared;
    const std::shared_ptr<Shared>
        shared_;  // shared with the thread, which may still block in a write after the queue is destroyed
};

/// The fields that this thread adds to its lines, innermost last.
std::vector<std::string>& journal_fields();

}  // namespace vserd
