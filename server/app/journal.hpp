#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "hub/hub.hpp"

namespace vserd {

/// The journal is what the daemon reports about itself, gRPC's messages included. It goes to systemd's journal, with fields, if
/// standard error is connected to that, and to standard error otherwise. Reporting never blocks: see JournalQueue.
void set_up_journal(const std::string& level);
/// Call before the process exits: waits until the journal is written, at most `limit`.
void drain_journal(std::chrono::milliseconds limit);
/// The number of lines that were dropped because the output accepted nothing.
std::uint64_t journal_lines_dropped();

/// During its lifetime, lines of this thread have this field: `journalctl PORT=board`. One object for each name.
class JournalField {
public:
    JournalField(const char* name, const std::string& value);
    ~JournalField();
    JournalField(const JournalField&) = delete;
    JournalField& operator=(const JournalField&) = delete;
};

/// Reports devices that connect and disconnect, exclusive access, and bytes that are discarded with a port. The hub outlives
/// it.
class PortJournal final : public hub::PortWatcher {
public:
    explicit PortJournal(const hub::Hub& hub) : hub_(hub) {}

    void on_port_added(const hub::Channel& channel) override;
    void on_port_event(const hub::Channel& channel, const log::EventItem& event) override;
    void on_port_removed(const hub::Channel& channel) override;
    void on_port_log_cut(const hub::Channel& channel) override;
    void on_archive_state(const std::string& port, const Result<void>& state) override;
    void on_port_refused(const hub::Channel& channel, const Error& error) override;

private:
    const hub::Hub& hub_;
};

}  // namespace vserd
