#pragma once

#include <cstdint>
#include <optional>

#include "line/line.hpp"
#include "log/log_store.hpp"
#include "port/port.hpp"

namespace vserd::restart {

/// The state of a port that the next process resumes, in the words that the memory of its log keeps. A kill at any instant
/// leaves each value as it was last saved. Io thread only; the store outlives this.
class SavedPort {
public:
    explicit SavedPort(log::LogStore& store) : store_(store) {}

    /// What holds since an event reported it; the log may have lost the event since.
    enum Standing : std::uint64_t { online = 1, exclusive = 2, terminal_closed = 4 };

    /// What a port with these configured settings resumes. `recovered`: a process before this one left the log.
    port::PortResume resume(const line::Settings& configured, bool recovered) const;
    /// The port begins with the settings of the configuration, or with those set at run time.
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
