#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace vser::client {

/// Bytes and commands that a console has not sent yet, in order. Bytes are combined into few messages. Bounded. Not
/// thread-safe: the console guards it.
class Coalescer {
public:
    /// The size of one message: large enough that its fixed cost does not matter, and far below the server's limit of 1 MiB.
    static constexpr std::size_t message_bytes_max = std::size_t{64} << 10;
    static constexpr std::size_t commands_max = 64;

    /// One message to send: bytes for the device, or a serialized AttachRequest.
    struct Message {
        bool is_command = false;
        std::string bytes;
    };

    explicit Coalescer(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// Appends as many bytes as there is room for and returns how many.
    std::size_t append(std::string_view bytes);
    /// Appends a command after the bytes. Returns false if commands_max are already waiting.
    bool append_command(std::string serialized);
    /// Returns the next message: a command, or all bytes before the next one, at most message_bytes_max.
    std::optional<Message> take();

    /// Discards all bytes and commands. Returns the number of bytes.
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
