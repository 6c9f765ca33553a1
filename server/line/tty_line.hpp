#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "line/line.hpp"

namespace vserd::line {

/// A tty (UART, USB adapter or pseudo terminal), controlled with termios2 and the modem ioctls.
class TtyLine final : public Line {
public:
    /// Opens the node exclusively, sets raw mode and applies `settings`.
    static Result<std::unique_ptr<Line>> open(const std::string& path, const ValidSettings& settings,
                                              const LineOptions& options);

    /// Resumes a descriptor that check_held_node() has accepted.
    static Result<std::unique_ptr<Line>> adopt(const std::string& path, base::Fd fd, const ValidSettings& settings,
                                               const LineOptions& options);

    ~TtyLine() override;

    Kind kind() const noexcept override { return Kind::tty; }
    Capabilities capabilities() const noexcept override { return capabilities_; }
    int fd() const noexcept override { return fd_.get(); }
    Result<Settings> apply(const ValidSettings& wanted) override;
    Result<Settings> apply_at_once(const ValidSettings& wanted) override;
    Result<Settings> read_back() override;
    bool shares_settings() const noexcept override { return true; }
    Result<std::optional<OutsideChange>> check_settings(bool restore) override;
    Result<LineStatus> status() override;
    bool status_is_quick() const noexcept override { return answers_at_once_; }
    bool settings_changed() override;
    Result<Signals> set_signals(const SignalChange& change) override;
    Result<void> begin_break(std::chrono::milliseconds duration) override;
    Result<void> end_break() override;
    Result<void> flush(FlushDirection direction) override;
    Result<void> set_options(const LineOptions& options) override;
    Result<std::uint64_t> output_pending_bytes() override;

private:
    Result<void> hold_break(bool on);
    Result<Settings> apply_by(unsigned long request, const ValidSettings& wanted);
    TtyLine(std::string path, base::Fd fd, const LineOptions& options) noexcept
        : path_(std::move(path)), fd_(std::move(fd)), options_(options) {}
    Result<void> take_exclusively();
    Result<void> mark_exclusive();
    void probe_capabilities();
    Result<void> apply_if_other(const ValidSettings& wanted);
    Result<Signals> signals() const;
    LineErrors errors_since_boot() const;

    std::string path_;
    base::Fd fd_;
    LineOptions options_;
    Capabilities capabilities_;
    bool answers_at_once_ = false;  ///< its driver has settings, modem lines and counters in memory or in registers
    ValidSettings ours_;            ///< last applied
    std::vector<std::byte> seen_;   ///< the last termios2 that was read; if it differs, another program changed it
};

}  // namespace vserd::line
