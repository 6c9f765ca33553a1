#include "log_queue.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "log_repeats.hpp"

namespace vserd {
namespace {

constexpr std::chrono::milliseconds end_limit{500};

LogLine dropped_notice(std::uint64_t lines) {
    return {spdlog::level::warn,
            spdlog::log_clock::now(),
            "the log could not be written for a while: " + std::to_string(lines) + " lines were dropped",
            {}};
}

}  // namespace

struct LogQueue::Shared {
    explicit Shared(std::unique_ptr<LogOutput> to) : output(std::move(to)) {}

    void run();
    void write(const std::deque<LogLine>& batch, std::uint64_t lost);
    std::deque<LogLine> take(std::uint64_t& lost);

    const std::unique_ptr<LogOutput> output;  // the thread's
    LogRepeats repeats;                       // the thread's
    std::mutex mutex;                         // of what follows; never held while something is written
    std::condition_variable changed;
    std::deque<LogLine> lines;
    std::uint64_t lost = 0;  // and not announced yet
    bool writing = false;
    bool ending = false;
    std::atomic<std::uint64_t> dropped{0};
};

void LogQueue::Shared::run() {
    while (true) {
        std::uint64_t lines_lost = 0;
        auto batch = take(lines_lost);
        if (batch.empty() && lines_lost == 0) {
            for (const LogLine& sum : repeats.sums(std::chrono::steady_clock::now())) output->write(sum);
            const std::lock_guard lock(mutex);
            if (!ending || !lines.empty()) continue;
            writing = false;
            return changed.notify_all();
        }
        write(batch, lines_lost);
    }
}

/// Waits for lines, or until it is time to look at the repeated ones.
std::deque<LogLine> LogQueue::Shared::take(std::uint64_t& lines_lost) {
    std::unique_lock lock(mutex);
    writing = false;
    changed.notify_all();
    const auto something = [this] { return !lines.empty() || ending; };
    if (repeats.empty()) {
        changed.wait(lock, something);
    } else {
        changed.wait_for(lock, repeat_window, something);
    }
    writing = true;
    lines_lost = std::exchange(lost, 0);
    return std::exchange(lines, {});
}

void LogQueue::Shared::write(const std::deque<LogLine>& batch, std::uint64_t lines_lost) {
    const auto now = std::chrono::steady_clock::now();
    if (lines_lost > 0) output->write(dropped_notice(lines_lost));
    for (const LogLine& sum : repeats.sums(now)) output->write(sum);
    for (const LogLine& line : batch) {
        if (!repeats.is_one_too_many(line, now)) output->write(line);
    }
}

LogQueue::LogQueue(std::unique_ptr<LogOutput> output) : shared_(std::make_shared<Shared>(std::move(output))) {
    std::thread([shared = shared_] { shared->run(); }).detach();
}

LogQueue::~LogQueue() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->ending = true;
    }
    shared_->changed.notify_all();
    drain(end_limit);
}

void LogQueue::log(const spdlog::details::log_msg& message) {
    LogLine line{message.level, message.time, {message.payload.data(), message.payload.size()}, log_fields()};
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->lines.size() >= lines_max) {
            shared_->lines.pop_front();
            ++shared_->lost;
            shared_->dropped.fetch_add(1, std::memory_order_relaxed);
        }
        shared_->lines.push_back(std::move(line));
    }
    shared_->changed.notify_all();
}

void LogQueue::drain(std::chrono::milliseconds limit) {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, limit, [this] { return shared_->lines.empty() && !shared_->writing; });
}

std::uint64_t LogQueue::dropped() const noexcept { return shared_->dropped.load(std::memory_order_relaxed); }

std::vector<std::string>& log_fields() {
    thread_local std::vector<std::string> fields;
    return fields;
}

}  // namespace vserd
