#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace vser::client {

/// What waits to be sent on a console, in order: bytes, gathered into few messages, and commands between them. Bounded.
/// Not thread-safe; the console guards it.
class Coalescer {
public:
    /// One message of a byte stream: large enough that its fixed cost does not count, far below the server's 1 MiB
    /// limit.
    static constexpr std::size_t message_bytes_max = std::size_t{64} << 10;
    static constexpr std::size_t commands_max = 64;

    /// What to send as one message: bytes for the device, or a serialized AttachRequest.
    struct Message {
        bool is_command = false;
        std::string bytes;
    };

    explicit Coalescer(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// Takes as much of `bytes` as there is room for and returns how much that was.
    std::size_t append(std::string_view bytes);
    /// Puts a command behind the bytes taken so far; false when commands_max wait already.
    bool append_command(std::string serialized);
    /// The next message: everything that gathered up to a command, at most message_bytes_max.
    std::optional<Message> take();

    /// Drops everything, commands too; returns how many bytes that was.
    std::size_t clear() noexcept;

    bool empty() const noexcept { return queue_.empty(); }
    bool full() const noexcept { return bytes_ >= bytes_max_; }
    std::size_t bytes() const noexcept { return bytes_; }

private:
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::size_t commands_ = 0;
    std::deque<Message> queue_;
};

}  // namespace vser::client
