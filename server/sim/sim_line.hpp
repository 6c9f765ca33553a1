#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "line/line.hpp"

namespace vserd::sim {

class SimDevice;

/// The host's end of a simulated device: one descriptor of a socket pair. README.md describes the devices.
class SimLine final : public line::Line {
public:
    static Result<std::unique_ptr<line::Line>> open(std::string_view device, const line::ValidSettings& settings);

    ~SimLine() override;

    line::Kind kind() const noexcept override { return line::Kind::simulated; }
    line::Capabilities capabilities() const noexcept override;
    int fd() const noexcept override { return fd_.get(); }
    Result<line::Settings> apply(const line::ValidSettings& wanted) override;
    Result<line::Settings> read_back() override;
    Result<line::LineStatus> status() override;
    bool status_is_quick() const noexcept override { return true; }
    Result<line::Signals> set_signals(const line::SignalChange& change) override;
    Result<void> begin_break(std::chrono::milliseconds duration) override;
    Result<void> end_break() override;
    Result<void> flush(line::FlushDirection direction) override;
    Result<std::uint64_t> output_pending_bytes() override;

private:
    Result<void> hold_break(bool on);
    SimLine(std::shared_ptr<SimDevice> device, base::Fd fd) noexcept : device_(std::move(device)), fd_(std::move(fd)) {}

    std::shared_ptr<SimDevice> device_;  // shared with the simulator's thread, and with later opens of the same id
    base::Fd fd_;
};

}  // namespace vserd::sim
