#include "port/tx_queue.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace vserd::port {
namespace {

/// Small writes gather into chunks of this size: one write to the device each.
constexpr std::size_t chunk_bytes_max = std::size_t{64} << 10;

}  // namespace

std::size_t TxQueue::append(std::span<const std::byte> bytes, bool front_busy) {
    const std::size_t taken = std::min(bytes.size(), bytes_max_ - std::min(bytes_, bytes_max_));
    bytes = bytes.first(taken);
    bytes_ += taken;
    if (!bytes.empty() && !entries_.empty() && !(front_busy && entries_.size() == 1)) {
        if (auto* tail = std::get_if<Bytes>(&entries_.back()); tail != nullptr && tail->size() < chunk_bytes_max) {
            const auto here = bytes.first(std::min(bytes.size(), chunk_bytes_max - tail->size()));
            tail->insert(tail->end(), here.begin(), here.end());
            bytes = bytes.subspan(here.size());
        }
    }
    while (!bytes.empty()) {
        const auto here = bytes.first(std::min(bytes.size(), chunk_bytes_max));
        entries_.emplace_back(Bytes(here.begin(), here.end()));
        bytes = bytes.subspan(here.size());
    }
    return taken;
}

void TxQueue::push(std::unique_ptr<TxCommand> command) {
    entries_.emplace_back(std::move(command));
    ++commands_;
}

std::span<const std::byte> TxQueue::front_bytes() const noexcept {
    if (entries_.empty()) return {};
    const auto* chunk = std::get_if<Bytes>(&entries_.front());
    return chunk == nullptr ? std::span<const std::byte>{} : std::span{*chunk}.subspan(front_consumed_);
}

TxCommand* TxQueue::front_command() const noexcept {
    if (entries_.empty()) return nullptr;
    const auto* command = std::get_if<std::unique_ptr<TxCommand>>(&entries_.front());
    return command == nullptr ? nullptr : command->get();
}

void TxQueue::consume(std::size_t size) {
    assert(size <= front_bytes().size());
    front_consumed_ += size;
    bytes_ -= size;
    if (front_bytes().empty()) {
        entries_.pop_front();
        front_consumed_ = 0;
    }
}

std::unique_ptr<TxCommand> TxQueue::pop_command() {
    assert(front_command() != nullptr);
    auto command = std::move(std::get<std::unique_ptr<TxCommand>>(entries_.front()));
    entries_.pop_front();
    --commands_;
    return command;
}

const TxCommand* TxQueue::find_command(const Wanted& wanted) const {
    for (const Entry& entry : entries_) {
        const auto* command = std::get_if<std::unique_ptr<TxCommand>>(&entry);
        if (command != nullptr && wanted(**command)) return command->get();
    }
    return nullptr;
}

std::unique_ptr<TxCommand> TxQueue::take_command(const Wanted& wanted) {
    const TxCommand* const found = find_command(wanted);
    for (auto entry = entries_.begin(); found != nullptr && entry != entries_.end(); ++entry) {
        auto* command = std::get_if<std::unique_ptr<TxCommand>>(&*entry);
        if (command == nullptr || command->get() != found) continue;
        auto taken = std::move(*command);
        entries_.erase(entry);
        --commands_;
        return taken;
    }
    return nullptr;
}

std::size_t TxQueue::discard_bytes(bool front_busy) {
    const std::size_t kept = front_busy ? front_bytes().size() : 0;
    const std::size_t dropped = bytes_ - kept;
    const auto first = entries_.begin() + (front_busy ? 1 : 0);
    entries_.erase(std::remove_if(first, entries_.end(), [](const Entry& entry) { return entry.index() == 0; }),
                   entries_.end());
    if (!front_busy) front_consumed_ = 0;
    bytes_ = kept;
    return dropped;
}

std::vector<std::unique_ptr<TxCommand>> TxQueue::take_expired(std::chrono::steady_clock::time_point now, bool all,
                                                              bool front_busy) {
    std::vector<std::unique_ptr<TxCommand>> expired;
    for (auto entry = entries_.begin() + (front_busy && !entries_.empty() ? 1 : 0); entry != entries_.end();) {
        auto* command = std::get_if<std::unique_ptr<TxCommand>>(&*entry);
        if (command != nullptr && (all || (*command)->deadline.passed(now))) {
            expired.push_back(std::move(*command));
            entry = entries_.erase(entry);
            --commands_;
        } else {
            ++entry;
        }
    }
    return expired;
}

}  // namespace vserd::port
