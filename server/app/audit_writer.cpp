#include "app/audit_writer.hpp"

#include <fmt/core.h>

#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "app/audit_refusals.hpp"

namespace vserd {
namespace {

using access::AuditRecord;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds retry_interval{1};
constexpr std::chrono::milliseconds last_records_limit{500};

}  // namespace

struct AuditWriter::Shared {
    void run();
    bool wait(std::unique_lock<std::mutex>& lock);
    void write();
    void take_result(const Result<void>& result);
    void update();
    void append(AuditRecord record);
    void announce_lost();
    bool is_full() const { return in_flight + records.size() >= records_max; }

    std::mutex mutex;  // guards the members below; never held during a write
    std::condition_variable changed;
    Settings settings;
    std::optional<std::unique_ptr<AuditOutput>> next_output;  ///< replaces the present one; may be null
    AuditRefusals refusals;
    std::deque<AuditRecord> records;
    std::uint64_t lost_untold = 0;  ///< not announced in the trail yet
    bool reopen = false;
    bool works = false;  ///< the last write succeeded
    bool writing = false;
    bool ending = false;
    std::size_t in_flight = 0;  ///< the size of `batch`
    std::atomic<bool> permits{true};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> lost{0};

    // Used by the thread only.
    std::unique_ptr<AuditOutput> output;
    std::deque<AuditRecord> batch;  ///< the oldest; stays until it is written
    bool failed = false;
};

void AuditWriter::Shared::run() {
    std::unique_lock lock(mutex);
    while (wait(lock)) {
        if (next_output) output = *std::exchange(next_output, std::nullopt);
        if (std::exchange(reopen, false) && output) output->reopen();
        for (AuditRecord& sum : refusals.sums(Clock::now())) append(std::move(sum));
        if (batch.empty()) batch = std::exchange(records, {});
        in_flight = batch.size();
        announce_lost();
        update();
        writing = true;
        lock.unlock();
        write();
        lock.lock();
        writing = false;
        changed.notify_all();
    }
}

/// Waits until there is something to do. Returns false at the end.
bool AuditWriter::Shared::wait(std::unique_lock<std::mutex>& lock) {
    const auto something = [this] { return ending || reopen || next_output || (batch.empty() && !records.empty()); };
    if (!batch.empty()) {
        changed.wait_for(lock, retry_interval, something);
    } else if (!refusals.empty()) {
        changed.wait_for(lock, AuditRefusals::window, something);
    } else {
        changed.wait(lock, something);
    }
    const bool done = batch.empty() && records.empty();
    return !ending || (!done && !failed);
}

void AuditWriter::Shared::write() {
    if (!output) batch.clear();
    if (!batch.empty()) return take_result(output->write(batch));
    const std::lock_guard lock(mutex);
    in_flight = 0;
}

void AuditWriter::Shared::take_result(const Result<void>& result) {
    const std::lock_guard lock(mutex);
    in_flight = batch.size();
    works = result.has_value();
    update();
    if (!result) errors.fetch_add(1, std::memory_order_relaxed);
    if (!result && !std::exchange(failed, true)) {
        spdlog::error("the audit trail cannot be written: {}{}", result.error().message,
                      settings.required ? "; nobody may write to a port until it can" : "");
    } else if (result && std::exchange(failed, false)) {
        spdlog::info("the audit trail is written again");
    }
}

/// Requires the lock.
void AuditWriter::Shared::update() {
    permits.store(!settings.required || (works && !is_full()), std::memory_order_relaxed);
}

/// Requires the lock.
void AuditWriter::Shared::append(AuditRecord record) {
    announce_lost();
    if (is_full()) {
        ++lost_untold;
        lost.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    records.push_back(std::move(record));
}

/// Requires the lock.
void AuditWriter::Shared::announce_lost() {
    if (lost_untold == 0 || is_full()) return;
    records.push_back({.event = "lost",
                       .detail = fmt::format("{} records are missing here, because the trail could not be written",
                                             std::exchange(lost_untold, 0))});
}

AuditWriter::AuditWriter(const Settings& settings) : shared_(std::make_shared<Shared>()) {
    apply(settings);
    std::thread([shared = shared_] { shared->run(); }).detach();
}

AuditWriter::~AuditWriter() {
    std::unique_lock lock(shared_->mutex);
    shared_->ending = true;
    shared_->changed.notify_all();
    shared_->changed.wait_for(lock, last_records_limit,
                              [this] { return shared_->records.empty() && !shared_->writing; });
}

void AuditWriter::add(AuditRecord record) {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->settings.destination.empty()) return;
    if (record.event == "refused" && shared_->refusals.is_one_too_many(record, Clock::now())) return;
    shared_->append(std::move(record));
    shared_->update();
    shared_->changed.notify_all();
}

bool AuditWriter::permits_changes() const noexcept { return shared_->permits.load(std::memory_order_relaxed); }

void AuditWriter::apply(const Settings& settings) {
    const std::lock_guard lock(shared_->mutex);
    const bool same = settings.destination == shared_->settings.destination;
    shared_->settings = settings;
    if (!same) {
        shared_->next_output.emplace(settings.destination.empty() ? nullptr : make_audit_output(settings.destination));
        shared_->works = false;
    }
    shared_->reopen = true;
    if (!settings.destination.empty()) shared_->append({.event = "started", .detail = "the audit trail begins"});
    shared_->update();
    shared_->changed.notify_all();
}

void AuditWriter::reopen() {
    const std::lock_guard lock(shared_->mutex);
    shared_->reopen = true;
    shared_->changed.notify_all();
}

std::uint64_t AuditWriter::errors() const noexcept { return shared_->errors.load(std::memory_order_relaxed); }
std::uint64_t AuditWriter::lost() const noexcept { return shared_->lost.load(std::memory_order_relaxed); }

}  // namespace vserd
