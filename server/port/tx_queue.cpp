#include "port/tx_queue.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace vserd::port {
namespace {

/// Small writes are merged into chunks of this size. Each chunk is one write to the device.
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

void TxQueue::push(TxCommandRef command) {
    entries_.emplace_back(std::move(command));
    ++commands_;
}

std::span<const std::byte> TxQueue::front_bytes() const noexcept {
    if (entries_.empty()) return {};
    const auto* chunk = std::get_if<Bytes>(&entries_.front());
    return chunk == nullptr ? std::span<const std::byte>{} : std::span{*chunk}.subspan(front_consumed_);
}

TxCommandRef TxQueue::front_command() const noexcept {
    if (entries_.empty()) return nullptr;
    const auto* command = std::get_if<TxCommandRef>(&entries_.front());
    return command == nullptr ? nullptr : *command;
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

TxCommandRef TxQueue::pop_command() {
    assert(front_command() != nullptr);
    auto command = std::move(std::get<TxCommandRef>(entries_.front()));
    entries_.pop_front();
    --commands_;
    return command;
}

const TxCommand* TxQueue::find_command(const Wanted& wanted) const {
    for (const Entry& entry : entries_) {
        const auto* command = std::get_if<TxCommandRef>(&entry);
        if (command != nullptr && wanted(**command)) return command->get();
    }
    return nullptr;
}

TxCommandRef TxQueue::take_command(const Wanted& wanted) {
    const TxCommand* const found = find_command(wanted);
    for (auto entry = entries_.begin(); found != nullptr && entry != entries_.end(); ++entry) {
        auto* command = std::get_if<TxCommandRef>(&*entry);
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

std::vector<TxCommandRef> TxQueue::take_commands(const Wanted& wanted) {
    std::vector<TxCommandRef> taken;
    while (auto command = take_command(wanted)) taken.push_back(std::move(command));
    return taken;
}

std::vector<TxCommandRef> TxQueue::take_commands() {
    return take_commands([](const TxCommand&) { return true; });
}

std::vector<TxCommandRef> TxQueue::take_expired(std::chrono::steady_clock::time_point now) {
    return take_commands([now](const TxCommand& command) { return command.deadline.passed(now); });
}

std::chrono::steady_clock::time_point TxQueue::earliest_deadline() const noexcept {
    auto earliest = std::chrono::steady_clock::time_point::max();
    for (const Entry& entry : entries_) {
        if (const auto* command = std::get_if<TxCommandRef>(&entry))
            earliest = std::min(earliest, (*command)->deadline.at());
    }
    return earliest;
}

}  // namespace vserd::port
