#include "app/journal_queue.hpp"

#include <fmt/core.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "app/journal_repeats.hpp"

namespace vserd {
namespace {

constexpr std::chrono::milliseconds end_limit{500};

JournalLine dropped_notice(std::uint64_t lines) {
    return {spdlog::level::warn,
            spdlog::log_clock::now(),
            fmt::format("the journal could not be written for a while: {} lines were dropped", lines),
            {}};
}

}  // namespace

struct JournalQueue::Shared {
    explicit Shared(std::unique_ptr<JournalOutput> to) : output(std::move(to)) {}

    void run();
    void write(const std::deque<JournalLine>& batch, std::uint64_t lost);
    std::deque<JournalLine> take(std::uint64_t& lost);

    const std::unique_ptr<JournalOutput> output;  // used by the thread only
    JournalRepeats repeats;                       // used by the thread only
    std::mutex mutex;                             // guards the members below; never held during a write
    std::condition_variable changed;
    std::deque<JournalLine> lines;
    std::uint64_t lost = 0;  // dropped and not reported yet
    bool writing = false;
    bool ending = false;
    std::atomic<std::uint64_t> dropped{0};
};

void JournalQueue::Shared::run() {
    while (true) {
        std::uint64_t lines_lost = 0;
        auto batch = take(lines_lost);
        if (batch.empty() && lines_lost == 0) {
            for (const JournalLine& sum : repeats.sums(std::chrono::steady_clock::now())) output->write(sum);
            const std::lock_guard lock(mutex);
            if (!ending || !lines.empty()) continue;
            writing = false;
            return changed.notify_all();
        }
        write(batch, lines_lost);
    }
}

/// Waits for lines, or until summaries of repeated lines are due.
std::deque<JournalLine> JournalQueue::Shared::take(std::uint64_t& lines_lost) {
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

void JournalQueue::Shared::write(const std::deque<JournalLine>& batch, std::uint64_t lines_lost) {
    const auto now = std::chrono::steady_clock::now();
    if (lines_lost > 0) output->write(dropped_notice(lines_lost));
    for (const JournalLine& sum : repeats.sums(now)) output->write(sum);
    for (const JournalLine& line : batch) {
        if (!repeats.is_one_too_many(line, now)) output->write(line);
    }
}

JournalQueue::JournalQueue(std::unique_ptr<JournalOutput> output)
    : shared_(std::make_shared<Shared>(std::move(output))) {
    std::thread([shared = shared_] { shared->run(); }).detach();
}

JournalQueue::~JournalQueue() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->ending = true;
    }
    shared_->changed.notify_all();
    drain(end_limit);
}

void JournalQueue::log(const spdlog::details::log_msg& message) {
    JournalLine line{message.level, message.time, {message.payload.data(), message.payload.size()}, journal_fields()};
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

void JournalQueue::drain(std::chrono::milliseconds limit) {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, limit, [this] { return shared_->lines.empty() && !shared_->writing; });
}

std::uint64_t JournalQueue::dropped() const noexcept { return shared_->dropped.load(std::memory_order_relaxed); }

std::vector<std::string>& journal_fields() {
    thread_local std::vector<std::string> fields;
    return fields;
}

}  // namespace vserd
