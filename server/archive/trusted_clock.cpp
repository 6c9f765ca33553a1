#include "archive/trusted_clock.hpp"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <span>

#include "archive/files.hpp"
#include "archive/names.hpp"
#include "archive/times.hpp"

namespace vserd::archive {
namespace {

using std::chrono::nanoseconds;

nanoseconds ahead_of_boot(log::WallTime wall, log::BootTime boot) {
    return nanoseconds(ns_of(wall)) - boot.time_since_epoch();
}

/// Empty if there is none, or it is damaged.
std::optional<log::WallTime> read_time(const std::string& path) {
    const auto file = open_file(path, O_RDONLY);
    if (!file) return std::nullopt;
    std::array<char, 32> text{};
    const auto got = read_at(*file, std::as_writable_bytes(std::span(text)), 0, path);
    std::int64_t ns = 0;
    if (!got || std::from_chars(text.data(), text.data() + *got, ns).ec != std::errc{}) return std::nullopt;
    return time_of(ns);
}

Result<void> write_time(const std::string& path, log::WallTime time) {
    const std::string temporary = path + std::string(temporary_suffix);
    const std::string text = std::to_string(ns_of(time)) + "\n";
    auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    if (auto put = write_at(*file, std::as_bytes(std::span(text)), 0, temporary); !put) return put;
    if (auto synced = sync_data(*file, temporary); !synced) return synced;
    return rename_file(temporary, path);
}

}  // namespace

log::WallTime TrustedClock::at(const log::Moment& now) {
    if (!ahead_) begin(now);
    follow(now);
    const log::WallTime time = time_of((now.boot.time_since_epoch() + *ahead_).count());
    store(time);
    return time;
}

/// How long no vserd ran is not known.
void TrustedClock::begin(const log::Moment& now) {
    written_ = read_time(path_);
    const bool jumped = written_ && (now.wall > *written_ + pause || now.wall < *written_ - jump);
    ahead_ = ahead_of_boot(jumped ? *written_ : now.wall, now.boot);
}

void TrustedClock::follow(const log::Moment& now) {
    const nanoseconds ahead = ahead_of_boot(now.wall, now.boot);
    const bool again = candidate_ && std::chrono::abs(ahead - candidate_->ahead) < jump;
    if (std::chrono::abs(ahead - *ahead_) < jump || (again && now.boot - candidate_->since >= steady)) {
        ahead_ = ahead;
        candidate_.reset();
    } else if (!again) {
        candidate_ = Candidate{ahead, now.boot};
    }
}

void TrustedClock::store(log::WallTime time) {
    if (stored_ && written_ && std::chrono::abs(time - *written_) < jump) return;
    stored_ = write_time(path_, time);
    if (stored_) written_ = time;
}

}  // namespace vserd::archive
