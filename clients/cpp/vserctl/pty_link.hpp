#pragma once

#include <string>

namespace vserctl {

/// A symbolic link to a pseudo terminal, for as long as this object lives. Its text contains "/./", by which a later vserctl
/// recognises a link that a killed one left. A socket in the abstract namespace tells it whether that one still runs.
class PtyLink {
public:
    /// Throws std::runtime_error if something else exists at `path`, or another vserctl uses it.
    PtyLink(std::string path, const std::string& target);
    ~PtyLink();
    PtyLink(const PtyLink&) = delete;
    PtyLink& operator=(const PtyLink&) = delete;

    const std::string& path() const noexcept { return path_; }

private:
    void make();
    [[noreturn]] void fail(const std::string& why) const;

    std::string path_;
    std::string text_;
    int lock_ = -1;
};

}  // namespace vserctl
