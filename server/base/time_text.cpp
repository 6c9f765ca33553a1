#include "base/time_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace vserd::base {
namespace {

using std::chrono::sys_seconds;

/// Takes text apart from its front. After the first mismatch everything fails.
class Scanner {
public:
    explicit Scanner(std::string_view text) : left_(text) {}

    /// A number of exactly `digits` digits.
    int number(std::size_t digits) {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            if (i >= left_.size() || left_[i] < '0' || left_[i] > '9') return fail();
            value = value * 10 + (left_[i] - '0');
        }
        left_.remove_prefix(digits);
        return value;
    }
    /// One of the characters, or '\0'.
    char one_of(std::string_view characters) {
        if (left_.empty() || characters.find(left_.front()) == std::string_view::npos) {
            fail();
            return '\0';
        }
        const char found = left_.front();
        left_.remove_prefix(1);
        return found;
    }
    void skip_fraction() {
        if (!left_.starts_with('.')) return;
        left_.remove_prefix(1);
        static_cast<void>(number(1));
        left_.remove_prefix(std::min(left_.find_first_not_of("0123456789"), left_.size()));
    }
    bool is_at_end() const noexcept { return left_.empty(); }
    bool ok() const noexcept { return ok_; }

private:
    int fail() {
        ok_ = false;
        return 0;
    }

    std::string_view left_;
    bool ok_ = true;
};

/// The time of day in seconds, less the offset from UTC.
std::optional<std::chrono::seconds> time_of_day(Scanner& scanner) {
    scanner.one_of("Tt ");
    const int hour = scanner.number(2);
    scanner.one_of(":");
    const int minute = scanner.number(2);
    scanner.one_of(":");
    const int second = scanner.number(2);
    scanner.skip_fraction();
    const char sign = scanner.one_of("Zz+-");
    int offset = 0;
    if (sign == '+' || sign == '-') {
        offset = scanner.number(2) * 3600;
        scanner.one_of(":");
        const int minutes = scanner.number(2);
        if (offset > 23 * 3600 || minutes > 59) return std::nullopt;
        offset = (offset + minutes * 60) * (sign == '+' ? 1 : -1);
    }
    if (!scanner.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    return std::chrono::seconds{hour * 3600 + minute * 60 + second - offset};
}

std::optional<sys_seconds> scan(std::string_view text) {
    Scanner scanner(text);
    const std::chrono::year year{scanner.number(4)};
    scanner.one_of("-");
    const std::chrono::month month{static_cast<unsigned>(scanner.number(2))};
    scanner.one_of("-");
    const std::chrono::year_month_day day{year, month, std::chrono::day{static_cast<unsigned>(scanner.number(2))}};
    if (!scanner.ok() || !day.ok()) return std::nullopt;
    const sys_seconds midnight = std::chrono::sys_days{day};
    if (scanner.is_at_end()) return midnight;
    const auto time = time_of_day(scanner);
    if (!time || !scanner.is_at_end()) return std::nullopt;
    return midnight + *time;
}

}  // namespace

Result<sys_seconds> parse_time(std::string_view text) {
    if (const auto time = scan(text)) return *time;
    return Error{Failure::invalid_argument, 0, "",
                 fmt::format("'{}' is not a time; write RFC 3339 such as 2026-12-31T23:59:59Z, or a date such as "
                             "2026-12-31, which is its beginning in UTC",
                             printable_text(text))};
}

std::string time_text(sys_seconds time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

}  // namespace vserd::base
