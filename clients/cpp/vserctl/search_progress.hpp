#pragma once

#include <cstdint>

#include "vser_client/types.hpp"

namespace vserctl {

/// How far a long search is: a line on standard error that replaces itself, if that is a terminal. Anything else that is printed
/// there comes after clear().
class SearchProgress {
public:
    SearchProgress();
    ~SearchProgress() { clear(); }
    SearchProgress(const SearchProgress&) = delete;
    SearchProgress& operator=(const SearchProgress&) = delete;

    /// Everything up to `time` was searched; so many bytes remain.
    void show(vser::client::Time time, std::uint64_t bytes_left);
    void clear() noexcept;

private:
    bool is_terminal_;
    bool shown_ = false;
};

}  // namespace vserctl
