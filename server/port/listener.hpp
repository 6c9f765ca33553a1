#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "line/line.hpp"
#include "port/event.hpp"

namespace vserd::port {

/// Receives a port's bytes and events. An interface, because port/ must not include hub/: hub::Channel implements it in the
/// daemon, a recorder in tests. Called on the io thread.
class Listener {
public:
    virtual ~Listener() = default;
    /// Memory for the next bytes. Never empty; valid until the next on_received() or the end of the port.
    virtual std::span<std::byte> receive_space() = 0;
    /// The first `size` bytes of receive_space() were filled.
    virtual void on_received(std::size_t size) = 0;
    virtual void on_event(const Event& event) = 0;
    /// The tx queue has room again after it was full, or the port went online or offline.
    virtual void on_transmit_change() = 0;

    /// Bytes that were written to the device.
    struct Sent {
        std::uint64_t tx_offset;  ///< of the first
        std::span<const std::byte> bytes;
        std::chrono::system_clock::time_point begun;  ///< the write; a device that takes nothing may have held it up
    };
    virtual void on_sent(const Sent& /*sent*/) {}

    // The following serve to save the port's state for the next process.

    /// The modem lines and counters according to the events so far.
    virtual void on_status(const line::LineStatus& /*status*/) {}
    /// All bytes before this tx offset were written or discarded.
    virtual void on_transmitted(std::uint64_t /*tx_offset*/) {}
    /// The descriptor of the open device; -1: the device is closed or about to be closed.
    virtual void on_descriptor(int /*fd*/) {}
    /// Whether the next process gets the open device. Then closing it here must not release its lock.
    virtual bool keeps_descriptor() const { return false; }
    /// See Port::terminal_closed().
    virtual void on_terminal_closed(bool /*closed*/) {}
};

}  // namespace vserd::port
