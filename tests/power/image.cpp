#include "power/image.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "archive/files.hpp"

namespace vserd::power {
namespace {

/// Another process may take the same free device.
Result<base::Fd> loop_on(const std::string& image, std::string& path) {
    constexpr int tries = 100;
    const auto file = archive::open_file(image, O_RDWR);
    if (!file) return file.error();
    const auto control = archive::open_file("/dev/loop-control", O_RDWR);
    if (!control) return control.error();
    for (int i = 0; i < tries; ++i) {
        const int number = ::ioctl(control->get(), LOOP_CTL_GET_FREE);
        if (number < 0) break;
        path = "/dev/loop" + std::to_string(number);
        auto loop = archive::open_file(path, O_RDWR);
        if (!loop) return loop.error();
        if (::ioctl(loop->get(), LOOP_SET_FD, file->get()) == 0) return loop;
        if (errno != EBUSY) break;
    }
    return errno_error("cannot get a loop device");
}

}  // namespace

Result<MountedImage> MountedImage::mount(const std::string& image, const std::string& directory) {
    std::string path;
    auto loop = loop_on(image, path);
    if (!loop) return loop.error();
    MountedImage mounted(std::move(*loop), directory);
    if (::mount(path.c_str(), directory.c_str(), "ext4", MS_NOATIME, nullptr) == 0) return mounted;
    return errno_error("cannot mount " + image);
}

MountedImage::~MountedImage() {
    if (!loop_) return;
    ::umount2(directory_.c_str(), 0);
    ::ioctl(loop_.get(), LOOP_CLR_FD);
}

Result<void> copy_image(const std::string& from, const std::string& to) {
    ::unlink(to.c_str());
    const auto source = archive::open_file(from, O_RDONLY);
    if (!source) return source.error();
    const auto copy = archive::open_file(to, O_RDWR | O_CREAT);
    if (!copy) return copy.error();
    const auto size = archive::size_of(*source, from);
    if (!size) return size.error();
    if (auto sized = archive::truncate(*copy, *size, to); !sized) return sized;
    archive::Bytes bytes;
    for (off_t at = 0; (at = ::lseek(source->get(), at, SEEK_DATA)) >= 0;) {
        const off_t end = ::lseek(source->get(), at, SEEK_HOLE);
        bytes.resize(static_cast<std::size_t>(end - at));
        if (auto got = archive::read_at(*source, bytes, static_cast<std::uint64_t>(at), from); !got) return got.error();
        if (auto put = archive::write_at(*copy, bytes, static_cast<std::uint64_t>(at), to); !put) return put;
        at = end;
    }
    return {};
}

}  // namespace vserd::power
