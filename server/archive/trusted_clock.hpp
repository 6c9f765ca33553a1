#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "log/moment.hpp"

namespace vserd::archive {

/// The time by which retention judges ages. The system's clock may be wrong by years, before it is set or for good, and what it makes
/// old is removed for ever: so a jump by an hour or more, forwards or backwards, counts only after the clock has gone steadily for a
/// day. Meanwhile time goes on from before the jump, at the pace of the boot clock. The time is kept in a file, by which
/// a jump between two processes is noticed too, and the day may consist of several runs.
class TrustedClock {
public:
    static constexpr std::chrono::hours jump{1};
    static constexpr std::chrono::hours pause{7 * 24};  ///< for which a machine may be off without a jump
    static constexpr std::chrono::hours steady{24};

    /// `path`: of the file.
    explicit TrustedClock(std::string path) : path_(std::move(path)) {}

    /// What time it is, if the clocks are at `now`. Blocks on the disk.
    log::WallTime at(const log::Moment& now);
    /// Why the file could not be written last; the time counts all the same.
    const Result<void>& stored() const noexcept { return stored_; }

private:
    struct Candidate {
        std::chrono::nanoseconds ahead{0};
        log::BootTime since;
    };
    /// What the file says.
    struct Kept {
        log::WallTime time;
        std::chrono::nanoseconds
            steady;               ///< for how long the clock has gone steadily since it jumped; 0: it has not jumped
        log::WallTime steady_at;  ///< what it showed then
    };

    void begin(const log::Moment& now);
    void follow(const log::Moment& now);
    void store(log::WallTime time, const log::Moment& now);
    static std::optional<Kept> read(const std::string& path);
    static Result<void> write(const std::string& path, const Kept& kept);

    std::string path_;
    std::optional<std::chrono::nanoseconds> ahead_;  ///< of the boot clock
    std::optional<Candidate> candidate_;
    std::optional<Kept> written_;
    Result<void> stored_;
};

}  // namespace vserd::archive
