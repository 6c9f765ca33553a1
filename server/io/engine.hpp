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

/// One drain() stops here and returns with pending() true, so that timers and other handlers run.
inline constexpr std::size_t drain_operations_max = 256;
inline constexpr std::size_t drain_bytes_max = std::size_t{256} << 10;
/// The most descriptors one engine serves.
inline constexpr std::size_t slots_max = 1 << 16;

enum class OperationKind : std::uint8_t { read, write };

/// One read or write. The caller owns it, and keeps it and its buffer in place from start() until it completes.
///
/// Results: the bytes moved (> 0); 0 if a read met a hang-up or the end of file; otherwise a negative errno (-ECANCELED
/// after cancel()). The caller never sees EAGAIN or EINTR. A read completes with the bytes that are available (it gathers,
/// see read_gather_bytes_max). A write completes with a short count as soon as the descriptor has accepted any bytes.
/// At most one read and one write may be outstanding on a slot, and `size` is at least 1. The process must ignore SIGPIPE.
struct Operation {
    using Completion = void (*)(Operation& op, ssize_t result) noexcept;

    OperationKind kind = OperationKind::read;
    Slot slot = 0;
    std::byte* data = nullptr;  ///< read: filled; write: not modified
    std::size_t size = 0;
    Completion complete = nullptr;  ///< may start other operations, this one included, or free it
    void* owner = nullptr;          ///< for the completion; the engine does not use it

    // Private to the engine while the operation is outstanding.
    Operation* next = nullptr;
    ssize_t result = 0;
    std::uint32_t state = 0;
};

/// Runs reads and writes on descriptors. Owned and called by the io thread only.
///
/// An operation completes exactly once, and only inside drain(). The event loop calls drain() before it sleeps, because
/// drain() also submits new operations in one batch. Then it sleeps until wait_fd() is readable. A completion may call
/// any method but drain().
class Engine {
public:
    virtual ~Engine() = default;
    /// "io_uring", "epoll", ... as in the configuration; a literal.
    virtual std::string_view name() const noexcept = 0;
    /// Becomes readable when drain() has work.
    virtual int wait_fd() const noexcept = 0;
    /// The descriptor must be non-blocking. The caller owns it and keeps it open until detach(). Failure::unsupported: this
    /// engine cannot serve the device, but another one may.
    virtual Result<Slot> attach(int fd) = 0;
    /// Requires that no operation is outstanding on the slot. Afterwards the engine no longer uses the descriptor.
    virtual void detach(Slot slot) noexcept = 0;
    /// `op` must not move until it completes.
    virtual void start(Operation& op) noexcept = 0;
    /// The operation still completes: with -ECANCELED, or with its result if it had finished. No effect on an operation that
    /// is idle or already canceled.
    virtual void cancel(Operation& op) noexcept = 0;
    /// Tries the slot's waiting operations again. Needed after a change that the kernel does not report, such as a flush,
    /// which makes room in a tty.
    virtual void retry(Slot slot) noexcept = 0;
    /// Runs completions without blocking, and returns how many. It is bounded: pending() is true if work remains.
    virtual std::size_t drain() noexcept = 0;
    /// Whether drain() has work now; wait_fd() need not be readable.
    virtual bool pending() const noexcept = 0;
};

}  // namespace vserd::io
