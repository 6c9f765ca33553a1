#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "io/engine.hpp"

namespace vserd {

/// How often what happens, in thousandths of the attempts.
struct Faults {
    unsigned delay = 0;    ///< an operation, also a cancelled one, is left for a later drain()
    unsigned split = 0;    ///< only some of the bytes move
    unsigned fail = 0;     ///< an errno, nothing moved
    unsigned hang_up = 0;  ///< a read of 0
};

/// An engine that does on real descriptors, by dice, whatever the contract of io::Engine allows and the kernel does once a year:
/// operations are delayed, cut short, failed, completed in any order; a cancelled one may have moved its bytes before. It keeps
/// all that moved, to compare with, and notes whatever its user must not do.
class FaultyEngine final : public io::Engine {
public:
    explicit FaultyEngine(std::uint64_t seed);

    std::string_view name() const noexcept override { return "faulty"; }
    int wait_fd() const noexcept override { return ready_.get(); }
    Result<io::Slot> attach(int fd) override;
    void detach(io::Slot slot) noexcept override;
    void start(io::Operation& op) noexcept override;
    void cancel(io::Operation& op) noexcept override;
    void retry(io::Slot /*slot*/) noexcept override {}  // it tries everything in every turn
    std::size_t drain() noexcept override;
    bool pending() const noexcept override { return !outstanding_.empty(); }

    void set_faults(const Faults& faults) noexcept { faults_ = faults; }

    std::size_t attached() const noexcept;
    std::size_t outstanding() const noexcept { return outstanding_.size(); }
    const std::vector<std::string>& misuses() const noexcept { return misuses_; }

    /// Of all descriptors, in the order of completion.
    const std::string& bytes_read() const noexcept { return bytes_read_; }
    const std::string& bytes_written() const noexcept { return bytes_written_; }
    std::size_t writes_started() const noexcept { return written_before_write_.size(); }
    /// How many bytes had been written when that write was started; all, if it was not.
    std::size_t written_before_write(std::size_t index) const noexcept;

private:
    struct Outstanding {
        io::Operation* op;
        bool canceled;
    };

    bool chance(unsigned thousandths) noexcept { return random_() % 1000 < thousandths; }
    std::size_t some_of(std::size_t size) noexcept;
    ssize_t attempt(const io::Operation& op) noexcept;
    ssize_t move_bytes(const io::Operation& op, std::size_t size) noexcept;
    bool settle(std::size_t index) noexcept;

    base::Fd ready_;  ///< an eventfd that is always readable
    std::mt19937_64 random_;
    Faults faults_;
    std::vector<int> descriptors_;  ///< by slot; -1: free
    std::vector<Outstanding> outstanding_;
    std::vector<std::string> misuses_;
    std::string bytes_read_;
    std::string bytes_written_;
    std::vector<std::size_t> written_before_write_;
};

}  // namespace vserd
