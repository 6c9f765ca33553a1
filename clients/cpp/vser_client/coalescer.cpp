#include "vser_client/coalescer.hpp"

#include <algorithm>
#include <utility>

namespace vser::client {

std::size_t Coalescer::append(std::string_view bytes) {
    const auto room = bytes_max_ - std::min(bytes_, bytes_max_);
    const auto taken = std::min(room, bytes.size());
    auto rest = bytes.substr(0, taken);
    while (!rest.empty()) {
        const bool fits =
            !queue_.empty() && !queue_.back().is_command && queue_.back().bytes.size() < message_bytes_max;
        if (!fits) queue_.emplace_back();
        auto& last = queue_.back().bytes;
        const auto piece = rest.substr(0, message_bytes_max - last.size());
        last.append(piece);
        rest.remove_prefix(piece.size());
    }
    bytes_ += taken;
    return taken;
}

bool Coalescer::append_command(std::string serialized) {
    if (commands_ == commands_max) return false;
    queue_.push_back({.is_command = true, .bytes = std::move(serialized)});
    ++commands_;
    return true;
}

std::size_t Coalescer::clear() noexcept {
    queue_.clear();
    commands_ = 0;
    return std::exchange(bytes_, 0);
}

std::optional<Coalescer::Message> Coalescer::take() {
    if (queue_.empty()) return std::nullopt;
    auto message = std::move(queue_.front());
    queue_.pop_front();
    if (message.is_command) {
        --commands_;
    } else {
        bytes_ -= message.bytes.size();
    }
    return message;
}

}  // namespace vser::client
