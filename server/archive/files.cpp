#include "archive/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace vserd::archive {
namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;
constexpr mode_t secret_directory_mode = 0700;

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Error cannot(const char* verb, const std::string& path) {
    const int error = errno;
    return errno_error("cannot " + std::string(verb) + " " + path, error);
}

}  // namespace

Result<base::Fd> open_file(const std::string& path, int flags) {
    base::Fd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, file_mode));
    if (!file) return cannot((flags & O_CREAT) != 0 ? "create" : "open", path);
    return file;
}

Result<void> write_at(const base::Fd& file, ByteView bytes, std::uint64_t at, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (put < 0 && errno == EINTR) continue;
        if (put == 0) errno = ENOSPC;
        if (put <= 0) return cannot("write", path);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        at += static_cast<std::uint64_t>(put);
    }
    return {};
}

Result<std::size_t> read_at(const base::Fd& file, std::span<std::byte> bytes, std::uint64_t at,
                            const std::string& path) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t got =
            ::pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot("read", path);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

Result<std::uint64_t> size_of(const base::Fd& file, const std::string& path) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return cannot("read", path);
    return static_cast<std::uint64_t>(status.st_size);
}

Result<void> truncate(const base::Fd& file, std::uint64_t bytes, const std::string& path) {
    if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return cannot("truncate", path);
    return {};
}

Result<void> sync_data(const base::Fd& file, const std::string& path) {
    if (::fdatasync(file.get()) != 0) return cannot("synchronize", path);
    return {};
}

Result<void> sync_directory(const std::string& path) {
    const base::Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) return cannot("synchronize", path);
    return {};
}

Result<void> make_directory(const std::string& path, DirectoryUse use) {
    const mode_t mode = use == DirectoryUse::secret ? secret_directory_mode : directory_mode;
    if (::mkdir(path.c_str(), mode) == 0) return sync_directory(parent_of(path));
    if (errno == EEXIST) return {};
    if (errno != ENOENT || path.empty()) return cannot("create", path);
    const std::string parent = parent_of(path);
    if (::mkdir(parent.c_str(), directory_mode) != 0 && errno != EEXIST) return cannot("create", parent);
    if (auto synced = sync_directory(parent_of(parent)); !synced) return synced;
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return cannot("create", path);
    return sync_directory(parent);
}

Result<void> rename_file(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return cannot("rename", from);
    return {};
}

Result<void> remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return cannot("remove", path);
    return {};
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

}  // namespace vserd::archive
