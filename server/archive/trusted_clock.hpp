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
/// a jump between two processes is noticed too.
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

    void begin(const log::Moment& now);
    void follow(const log::Moment& now);
    void store(log::WallTime time);

    std::string path_;
    std::optional<std::chrono::nanoseconds> ahead_;  ///< of the boot clock
    std::optional<Candidate> candidate_;
    std::optional<log::WallTime> written_;
    Result<void> stored_;
};

}  // namespace vserd::archive
