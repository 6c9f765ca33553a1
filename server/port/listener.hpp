#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "line/line.hpp"
#include "port/event.hpp"

namespace vserd::port {

/// Where a port puts what it receives. Exists to keep the arrow pointing down: hub::Channel in production, a recorder
/// in tests. Called on the io thread.
class Listener {
public:
    virtual ~Listener() = default;
    /// Where the next bytes go: never empty, and in place until the next on_received() or the port's end.
    virtual std::span<std::byte> receive_space() = 0;
    /// The first `size` bytes of receive_space() were filled.
    virtual void on_received(std::size_t size) = 0;
    virtual void on_event(const Event& event) = 0;
    /// The tx queue has room again after it was full, or the port went online or offline.
    virtual void on_transmit_change() = 0;

    // For who keeps the port's state over the end of the process; nothing follows from them here.
    /// The wires and counters that events have told of until now.
    virtual void on_status(const line::LineStatus& /*status*/) {}
    /// The bytes before this tx offset have been written, or were discarded.
    virtual void on_transmitted(std::uint64_t /*tx_offset*/) {}
    /// The device was opened and has this descriptor; -1: it is closed, or is about to be.
    virtual void on_descriptor(int /*fd*/) {}
    /// Whether the next process is to get the open device, so that its lock must outlive the close here.
    virtual bool keeps_descriptor() const { return false; }
    /// As Port::terminal_closed().
    virtual void on_terminal_closed(bool /*closed*/) {}
};

}  // namespace vserd::port
