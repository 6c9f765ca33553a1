#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/client.hpp"

namespace vserd::hub {

/// A message of vser.v1 in the wire format of protobuf. The bytes stay where they are, shared with other readers of the log.
struct WireMessage {
    std::vector<std::span<const std::byte>> pieces = {};
    std::shared_ptr<const void> owner = nullptr;  ///< keeps the bytes of the pieces

    std::size_t size() const noexcept {
        std::size_t sum = 0;
        for (const auto& piece : pieces) sum += piece.size();
        return sum;
    }
};

/// How a call ended.
struct CallStatus {
    int code = 0;  ///< of gRPC; 0: OK
    std::string message = {};
    std::string details = {};  ///< a serialized google.rpc.Status; may be empty
};

/// Calls of vser.v1 that another face carries by its own protocol. `rpc/` implements them, and the other face knows no gRPC: each
/// call goes the same way as one over gRPC, with the rights of `Client`. All functions may be called on any thread; all callbacks
/// come on other threads, never while a function runs.
class Calls {
public:
    virtual ~Calls() = default;

    /// replies_stream, both_stream: the caller asks for each reply after the first one by read().
    enum class Shape : std::uint8_t { unary, replies_stream, both_stream };
    struct Request {
        std::string method;  ///< "/vser.v1.PortService/GetPort"
        std::string message;
        Client client;
        std::optional<std::chrono::system_clock::time_point> deadline = std::nullopt;
    };
    struct Handlers {
        /// One reply of the call.
        std::function<void(WireMessage)> replied;
        /// A message was taken, the first one too. Only for both_stream.
        std::function<void()> written = nullptr;
        /// The last callback, and it always comes.
        std::function<void(const CallStatus&)> ended;
    };

    /// One call. Its destructor cancels it.
    class Call {
    public:
        virtual ~Call() = default;
        /// Requires: the previous reply has come.
        virtual void read() = 0;
        /// Sends one more message to the server. Requires: the previous one was taken.
        virtual void write(const std::string& message) = 0;
        virtual void cancel() = 0;
    };

    /// Starts a call with its first message.
    virtual std::unique_ptr<Call> start(Request request, Shape shape, Handlers handlers) = 0;
};

}  // namespace vserd::hub
