#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "port/foreign_readers.hpp"
#include "port/life.hpp"
#include "port/line_calls.hpp"
#include "port/port_status.hpp"
#include "port/transmitter.hpp"

namespace vserd::port {

/// Watches an open line: modem lines, error counters, and changes by other programs. Io thread only.
class LineWatch {
public:
    /// All references outlive this.
    LineWatch(const PortEnvironment& environment, PortStatus& port, LineCalls& calls, Transmitter& transmitter,
              const Life& life);

    /// The line is open. `reported`: the status according to the events so far.
    void begin(const line::LineStatus& reported);
    /// Reports the differences to the last status as events.
    void take_status(const Result<line::LineStatus>& status);
    void watch_foreign_readers();
    void poll_later();
    void publish_status();
    void stop();

    /// See Port::look().
    void look(std::function<void()> done);
    /// A read returned 0. Calls `checked` with true if another program had set a mode in which that happens, and with false
    /// if the device hung up.
    void check_empty_read(std::function<void(bool reads_on)> checked);
    void set_signals(const line::SignalChange& change, Reply<line::Signals> reply);
    void read_signals(Reply<line::Signals> reply);

private:
    struct Look {
        line::LineStatus status;
        std::optional<line::OutsideChange> outside;
    };

    Result<void> require_modem_lines() const;
    void poll();
    void look_at_line(std::function<void()> done);
    void take_look(const Result<Look>& look);
    void take_outside_change(const line::OutsideChange& change);
    void take_foreign_readers(const std::vector<std::string>& processes);

    PortStatus& port_;
    LineCalls& calls_;
    Transmitter& transmitter_;
    ForeignReaders* const foreign_readers_;
    ForeignReaders::Registration registration_;
    Timer timer_;
    line::LineErrors errors_seen_;
};

}  // namespace vserd::port
