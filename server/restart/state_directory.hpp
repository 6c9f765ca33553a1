#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::restart {

/// The directory of `state_dir`. One process at a time uses it: a file in it names the owner and says whether everything that
/// was written has reached the disk. After a crash of the machine some pages may be old, and the checks of a log cannot detect
/// that.
class StateDirectory {
public:
    StateDirectory() = default;  ///< none
    /// Creates the directory if it is missing, and locks it. `owner`: the path of the configuration, which identifies its logs.
    StateDirectory(std::string path, std::string owner);

    /// Fails if the directory exists and is not safe to use.
    static Result<void> check(const std::string& path);

    /// Whether a directory is configured.
    explicit operator bool() const noexcept { return !path_.empty(); }
    const std::string& path() const noexcept { return path_; }
    /// Why the directory cannot be used; empty if it can.
    const std::string& problem() const noexcept { return problem_; }
    /// The problem must prevent the start: another vserd uses the directory, or it is world-writable.
    bool is_refused() const noexcept { return taken_ || unsafe_; }
    /// Whether the files have the content that was written: the last vserd stopped cleanly, or the machine has not rebooted
    /// since.
    bool is_clean() const noexcept { return clean_; }
    /// Incomplete files have been removed.
    Result<void> set_clean();
    std::uint64_t owner() const noexcept;

    /// Writes everything to the disk, which may take long. Any thread.
    Result<void> sync() const;
    /// Syncs, and marks the directory as clean. Nothing may be written afterwards.
    Result<void> leave();

private:
    Result<void> take();
    Result<void> write_state(const char* state);

    std::string path_;
    std::string owner_;
    std::string problem_;
    base::Fd directory_;
    base::Fd lock_;  // held for life
    bool taken_ = false;
    bool unsafe_ = false;
    bool clean_ = false;
};

}  // namespace vserd::restart
