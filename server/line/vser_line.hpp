#pragma once

#include <memory>
#include <string>

#include "line/line.hpp"

namespace vserd::line {

/// A port of the vser kernel driver, controlled with the ioctls of kmod/vser_uapi.h.
class VserLine final : public Line {
public:
    /// Opens the node exclusively, checks the driver's interface version and applies `settings`.
    static Result<std::unique_ptr<Line>> open(const std::string& path, const ValidSettings& settings);

    /// Resumes a descriptor that check_held_node() has accepted.
    static Result<std::unique_ptr<Line>> adopt(const std::string& path, base::Fd fd, const ValidSettings& settings);

    Kind kind() const noexcept override { return Kind::vser; }
    Capabilities capabilities() const noexcept override;
    int fd() const noexcept override { return fd_.get(); }
    Result<Settings> apply(const ValidSettings& wanted) override;
    Result<Settings> read_back() override;
    Result<LineStatus> status() override;
    bool status_is_quick() const noexcept override { return true; }
    Result<Signals> set_signals(const SignalChange& change) override;
    Result<void> begin_break(std::chrono::milliseconds duration) override;
    Result<void> end_break() override;
    Result<void> flush(FlushDirection direction) override;
    Result<std::uint64_t> output_pending_bytes() override;

private:
    VserLine(std::string path, base::Fd fd) noexcept : path_(std::move(path)), fd_(std::move(fd)) {}
    Result<void> check_version() const;
    Result<Signals> signals() const;
    Result<LineErrors> errors_since_bind() const;

    std::string path_;
    base::Fd fd_;
};

}  // namespace vserd::line
