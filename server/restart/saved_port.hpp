#pragma once

#include <cstdint>
#include <optional>

#include "line/line.hpp"
#include "log/log_store.hpp"
#include "port/port.hpp"

namespace vserd::restart {

/// The state of a port that the next process resumes. It is stored in words in the memory of the port's log (LogStore::kept).
/// If the process is killed, each word has the value that was last saved. Io thread only; the store outlives this.
class SavedPort {
public:
    explicit SavedPort(log::LogStore& store) : store_(store) {}

    /// Conditions that events reported and that still hold. The log may have lost those events.
    enum Standing : std::uint64_t { online = 1, exclusive = 2, terminal_closed = 4 };

    /// Returns the saved state for a port with these configured settings. `recovered`: the log is from the previous process.
    port::PortResume resume(const line::Settings& configured, bool recovered) const;
    /// The port starts with the configured settings, or with those set at run time.
    void begin(const line::Settings& configured, const std::optional<line::ValidSettings>& resumed) noexcept;

    void save_configured(const line::Settings& configured) noexcept;
    bool is_configured(const line::Settings& configured) const noexcept;
    void save_settings(const line::Settings& in_force) noexcept;
    std::optional<line::Settings> settings() const noexcept;
    void save_transmitted(std::uint64_t tx_offset) noexcept;
    void save_status(const line::LineStatus& status) noexcept;
    std::optional<line::LineStatus> status() const noexcept;
    void set(Standing what, bool holds) noexcept;
    bool is(Standing what) const noexcept;

private:
    log::LogStore& store_;
};

}  // namespace vserd::restart
