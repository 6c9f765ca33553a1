#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "hub/hub.hpp"

namespace vserd {

/// Sends the log, gRPC's included, to standard error; to the journal itself, with fields, where that is connected to it.
/// Nobody who logs waits for it; see LogQueue.
void set_up_log(const std::string& level);
/// Before the process ends: waits until the log is written, at most `limit`.
void drain_log(std::chrono::milliseconds limit);
/// Because the output took nothing.
std::uint64_t log_lines_dropped();

/// While it lives, what this thread logs carries the field in the journal: `journalctl PORT=board`. One for each name.
class LogField {
public:
    LogField(const char* name, const std::string& value);
    ~LogField();
    LogField(const LogField&) = delete;
    LogField& operator=(const LogField&) = delete;
};

/// Tells the log when devices come and go, who takes a port for himself, and what is lost with a port. The hub outlives it.
class PortLogger final : public hub::PortWatcher {
public:
    explicit PortLogger(const hub::Hub& hub) : hub_(hub) {}

    void on_port_added(hub::Channel& channel) override;
    void on_port_event(hub::Channel& channel, const hub::EventItem& event) override;
    void on_port_removed(hub::Channel& channel) override;
    void on_port_log_cut(hub::Channel& channel) override;
    void on_port_refused(hub::Channel& channel, const Error& error) override;

private:
    const hub::Hub& hub_;
};

}  // namespace vserd
