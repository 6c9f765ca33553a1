#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::restart {

/// The folder of `state_dir`, of one process at a time: a file in it says who has it and whether all that was written there
/// has reached the disk. After a crash of the machine pages of any age may be there, which no check of a log would find.
class StateFolder {
public:
    StateFolder() = default;  ///< none
    /// Makes the folder where there is none, and takes it. `owner`: the configuration, by which one's own logs are known.
    StateFolder(std::string path, std::string owner);

    /// Whether a folder, where there is one, is safe to use.
    static Result<void> check(const std::string& path);

    /// Whether one is wanted.
    explicit operator bool() const noexcept { return !path_.empty(); }
    const std::string& path() const noexcept { return path_; }
    /// Why nothing can be kept there; empty: nothing is wrong.
    const std::string& problem() const noexcept { return problem_; }
    /// The problem is one that no start is to overlook: another vserd, or a folder that everybody may write.
    bool is_refused() const noexcept { return taken_ || unsafe_; }
    /// Whether what lies in it is what was written: it was left in order, or the machine has run since.
    bool is_whole() const noexcept { return whole_; }
    /// What was not whole is gone.
    Result<void> set_whole();
    std::uint64_t owner() const noexcept;

    /// Brings all of it to the disk, which may take long. Any thread.
    Result<void> sync() const;
    /// Nothing is written there any more: says so on the disk.
    Result<void> leave();

private:
    Result<void> take();
    Result<void> write_state(const char* state);

    std::string path_;
    std::string owner_;
    std::string problem_;
    base::Fd folder_;
    base::Fd lock_;  // held for life
    bool taken_ = false;
    bool unsafe_ = false;
    bool whole_ = false;
};

}  // namespace vserd::restart
