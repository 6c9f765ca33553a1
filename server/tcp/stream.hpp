#pragma once

#include <sys/uio.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/fd.hpp"

namespace vserd::tcp {

/// A client's connection, over TCP or a Unix socket. Io thread only. Reads and writes never block: if they cannot continue,
/// they return what to wait for.
class Stream {
public:
    enum class Outcome : std::uint8_t {
        moved,
        wait_readable,
        wait_writable,
        ended,  ///< a read: the peer sends no more; a write: it takes no more
        failed
    };
    struct Moved {
        Outcome outcome = Outcome::failed;
        std::size_t bytes = 0;
        bool drained = false;  ///< of a read: no more bytes are available now
    };

    /// Takes a connected, non-blocking socket.
    Stream(boost::asio::io_context& context, base::Fd socket) : socket_(context, socket.release()) {}
    virtual ~Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Must return `moved` once before bytes pass.
    virtual Outcome handshake() = 0;
    virtual Moved read(std::span<std::byte> space) = 0;
    virtual Moved write(std::span<const iovec> pieces) = 0;
    /// Whether a read may wait until the socket is writable, and a write until it is readable.
    virtual bool crosses() const noexcept = 0;
    /// The client's certificate in PEM, after the handshake. It is verified. Empty if the client has shown none.
    virtual std::string peer_certificate() const { return {}; }
    /// Closes the sending side, if that is possible without waiting.
    virtual void shut_down() noexcept = 0;

    /// Calls `handler` once, when the socket is ready or, with an error, when the stream was closed.
    template <class Handler>
    void wait(Outcome what, Handler&& handler) {
        using Descriptor = boost::asio::posix::stream_descriptor;
        socket_.async_wait(what == Outcome::wait_writable ? Descriptor::wait_write : Descriptor::wait_read,
                           std::forward<Handler>(handler));
    }
    /// Pending waits end with an error.
    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }
    /// Whether the peer has stopped acknowledging. Only for a stream without pending waits.
    bool timed_out();
    int fd() noexcept { return socket_.native_handle(); }

private:
    boost::asio::posix::stream_descriptor socket_;
};

/// Without TLS.
class PlainStream final : public Stream {
public:
    using Stream::Stream;
    Outcome handshake() override { return Outcome::moved; }
    Moved read(std::span<std::byte> space) override;
    Moved write(std::span<const iovec> pieces) override;
    bool crosses() const noexcept override { return false; }
    void shut_down() noexcept override;
};

}  // namespace vserd::tcp
