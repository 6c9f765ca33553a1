#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// A property of the code under test. Where it does not hold, the process ends, and the input that did it is kept.
inline void require(bool so, const char* property) {
    if (so) return;
    std::fprintf(stderr, "does not hold: %s\n", property);
    std::abort();
}

/// An input taken apart from its front: choices and numbers first, text after them. At the end there are zeros.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

    bool empty() const noexcept { return left_.empty(); }
    std::uint8_t byte() noexcept {
        if (left_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(left_.front());
        left_.remove_prefix(1);
        return value;
    }
    /// Mostly small ones; all 64 bits are reached through a first byte of 255.
    std::uint64_t number() noexcept {
        const std::uint8_t small = byte();
        if (small < 255) return small;
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value = value << 8U | byte();
        return value;
    }
    std::string_view take(std::size_t size) noexcept {
        const std::string_view taken = left_.substr(0, size);
        left_.remove_prefix(taken.size());
        return taken;
    }
    std::string_view rest() noexcept { return take(left_.size()); }

private:
    std::string_view left_;
};

/// Calls `work` with the message that these bytes are, where they are one.
template <class Message, class Work>
void with_message(std::string_view bytes, Work work) {
    Message message;
    if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) work(message);
}
