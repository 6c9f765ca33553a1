#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::power {

/// A file system in a file, mounted through a loop device while this lives.
class MountedImage {
public:
    static Result<MountedImage> mount(const std::string& image, const std::string& directory);
    MountedImage(MountedImage&&) = default;
    MountedImage& operator=(MountedImage&&) = delete;
    ~MountedImage();

private:
    MountedImage(base::Fd loop, std::string directory) : loop_(std::move(loop)), directory_(std::move(directory)) {}

    base::Fd loop_;
    std::string directory_;
};

/// Replaces `to` by a copy of `from`, without its holes.
Result<void> copy_image(const std::string& from, const std::string& to);

}  // namespace vserd::power
