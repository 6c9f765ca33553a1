#include "archive/trusted_clock.hpp"

#include <fcntl.h>
#include <fmt/core.h>

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

}  // namespace

/// Empty if there is none, or it is damaged.
std::optional<TrustedClock::Kept> TrustedClock::read(const std::string& path) {
    const auto file = open_file(path, O_RDONLY);
    if (!file) return std::nullopt;
    std::array<char, 80> text{};
    const auto got = read_at(*file, std::as_writable_bytes(std::span(text)), 0, path);
    if (!got) return std::nullopt;
    std::array<std::int64_t, 3> ns{};  // the file of an older version has the first number only
    const char* at = text.data();
    const char* const end = at + *got;
    for (std::int64_t& number : ns) {
        const auto parsed = std::from_chars(at, end, number);
        if (parsed.ec != std::errc{} && &number == ns.data()) return std::nullopt;
        at = parsed.ptr == end ? end : parsed.ptr + 1;
    }
    return Kept{time_of(ns[0]), nanoseconds(ns[1]), time_of(ns[2])};
}

Result<void> TrustedClock::write(const std::string& path, const Kept& kept) {
    const std::string temporary = path + std::string(temporary_suffix);
    const std::string text = fmt::format("{} {} {}\n", ns_of(kept.time), kept.steady.count(), ns_of(kept.steady_at));
    auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    if (auto put = write_at(*file, std::as_bytes(std::span(text)), 0, temporary); !put) return put;
    if (auto synced = sync_data(*file, temporary); !synced) return synced;
    return rename_file(temporary, path);
}

log::WallTime TrustedClock::at(const log::Moment& now) {
    if (!ahead_) begin(now);
    follow(now);
    const log::WallTime time = time_of((now.boot.time_since_epoch() + *ahead_).count());
    store(time, now);
    return time;
}

/// How long no vserd ran is not known.
void TrustedClock::begin(const log::Moment& now) {
    written_ = read(path_);
    const auto goes_on_from = [&](log::WallTime time) { return now.wall >= time - jump && now.wall <= time + pause; };
    const bool jumped = written_ && !goes_on_from(written_->time);
    ahead_ = ahead_of_boot(jumped ? written_->time : now.wall, now.boot);
    if (jumped && written_->steady > nanoseconds(0) && goes_on_from(written_->steady_at))
        candidate_ = Candidate{ahead_of_boot(now.wall, now.boot), now.boot - written_->steady};
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

void TrustedClock::store(log::WallTime time, const log::Moment& now) {
    if (stored_ && written_ && std::chrono::abs(time - written_->time) < jump) return;
    const Kept kept{time, candidate_ ? now.boot - candidate_->since : nanoseconds(0), now.wall};
    stored_ = write(path_, kept);
    if (stored_) written_ = kept;
}

}  // namespace vserd::archive
