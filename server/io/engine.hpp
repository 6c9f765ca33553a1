#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace vserd::io {

/// A descriptor's place in an engine, valid from attach() to detach().
using Slot = std::uint32_t;

/// The most bytes one read operation gathers before it completes.
inline constexpr std::size_t read_gather_bytes_max = std::size_t{64} << 10;
/// A first read of at least this many bytes is followed by more reads until EAGAIN; a smaller one is delivered at once.
inline constexpr std::size_t read_gather_threshold_bytes = 512;

/// The most one drain() does before it returns with pending() true, so that timers and other handlers get their turn.
inline constexpr std::size_t drain_operations_max = 256;
inline constexpr std::size_t drain_bytes_max = std::size_t{256} << 10;
/// The most descriptors one engine serves.
inline constexpr std::size_t slots_max = 1 << 16;

enum class OperationKind : std::uint8_t { read, write };

/// One read or write, owned by the caller, which keeps it and its buffer in place from start() until it completes.
///
/// Results: bytes moved (> 0); 0 for a read means hang-up or end of file; a negative errno otherwise, of which
/// -ECANCELED means cancel(). EAGAIN and EINTR never reach the caller. A read completes with what is there (it gathers,
/// see read_gather_bytes_max); a write completes with a short count as soon as the descriptor took anything.
/// At most one read and one write may be outstanding on a slot, and `size` is at least 1. The process ignores SIGPIPE.
struct Operation {
    using Completion = void (*)(Operation& op, ssize_t result) noexcept;

    OperationKind kind = OperationKind::read;
    Slot slot = 0;
    std::byte* data = nullptr;  ///< read: filled; write: not modified
    std::size_t size = 0;
    Completion complete = nullptr;  ///< may start other operations, this one included, or free it
    void* owner = nullptr;          ///< for the completion; the engine never looks at it

    // Private to the engine while the operation is outstanding.
    Operation* next = nullptr;
    ssize_t result = 0;
    std::uint32_t state = 0;
};

/// Runs reads and writes on descriptors. Owned and called by the io thread only.
///
/// An operation completes exactly once and only inside drain(). The host sleeps until wait_fd() is readable, but calls
/// drain() before it sleeps: that is also where submissions are batched. A completion may call anything but drain().
class Engine {
public:
    virtual ~Engine() = default;
    /// "io_uring", "epoll", ... as in the configuration; a literal.
    virtual std::string_view name() const noexcept = 0;
    /// Readable: call drain().
    virtual int wait_fd() const noexcept = 0;
    /// The descriptor is borrowed and non-blocking; the caller keeps it open until detach. Failure::unsupported means that the
    /// mechanism does not work on this device and another one might.
    virtual Result<Slot> attach(int fd) = 0;
    /// Requires that no operation is outstanding on the slot. The engine has let go of the descriptor when this returns.
    virtual void detach(Slot slot) noexcept = 0;
    /// The operation stays put until it completes.
    virtual void start(Operation& op) noexcept = 0;
    /// The operation still completes: with -ECANCELED, or with its result if it was done. Again, or when idle: no effect.
    virtual void cancel(Operation& op) noexcept = 0;
    /// Something happened to the descriptor that its kernel wakes nobody for (a flush, which makes room in a tty): try again
    /// what waits on it, and what is started next.
    virtual void retry(Slot slot) noexcept = 0;
    /// Never blocks; returns the completions it ran. Bounded: there may be more to do, and then pending() says so.
    virtual std::size_t drain() noexcept = 0;
    /// drain() has work now, without waiting for wait_fd().
    virtual bool pending() const noexcept = 0;
};

}  // namespace vserd::io
