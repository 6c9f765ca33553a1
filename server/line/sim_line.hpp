#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "line/line.hpp"

namespace vserd::line {

class SimDevice;

/// The host's end of a simulated device: one descriptor of a socket pair. README.md is the manual of what is behind it.
class SimLine final : public Line {
public:
    static Result<std::unique_ptr<Line>> open(std::string_view device, const Settings& settings);

    ~SimLine() override;

    Kind kind() const noexcept override { return Kind::simulated; }
    Capabilities capabilities() const noexcept override;
    int fd() const noexcept override { return fd_.get(); }
    Result<Settings> apply(const Settings& wanted) override;
    Result<Settings> read_back() override;
    Result<LineStatus> status() override;
    Result<Signals> set_signals(const SignalChange& change) override;
    Result<void> begin_break(std::chrono::milliseconds duration) override;
    Result<void> end_break() override;
    Result<void> flush(FlushDirection direction) override;
    Result<std::uint64_t> output_pending_bytes() override;

private:
    Result<void> hold_break(bool on);
    SimLine(std::shared_ptr<SimDevice> device, io::Fd fd) noexcept : device_(std::move(device)), fd_(std::move(fd)) {}

    std::shared_ptr<SimDevice> device_;  // shared with the simulator's thread, and by id with later opens
    io::Fd fd_;
};

}  // namespace vserd::line
