#include "vserctl/search_progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "vserctl/describe.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"

namespace vserctl {
namespace {

constexpr std::size_t seconds_size = std::string_view("2026-11-28T02:39:29").size();

}  // namespace

SearchProgress::SearchProgress() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void SearchProgress::show(vser::client::Time time, std::uint64_t bytes_left) {
    if (!is_terminal_) return;
    shown_ = true;
    put_message(fmt::format("\r\x1b[Ksearched up to {}Z, {} left", rfc3339(time).substr(0, seconds_size),
                            human_bytes(bytes_left)));
}

void SearchProgress::clear() noexcept {
    if (std::exchange(shown_, false)) put_message("\r\x1b[K");
}

}  // namespace vserctl
