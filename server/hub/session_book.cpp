#include "hub/session_book.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <random>

namespace vserd::hub {
namespace {

/// Without characters that look alike.
constexpr std::string_view alphabet = "23456789abcdefghjkmnpqrstuvwxyz";
constexpr std::size_t prefix_characters = 4;

}  // namespace

SessionBook::SessionBook() {
    std::random_device random;
    std::uniform_int_distribution<std::size_t> place(0, alphabet.size() - 1);
    for (std::size_t i = 0; i < prefix_characters; ++i) prefix_ += alphabet[place(random)];
}

std::uint64_t SessionBook::enter(std::string_view face) noexcept {
    count_of(face).fetch_add(1, std::memory_order_relaxed);
    return ++last_;
}

void SessionBook::leave(std::string_view face) noexcept { count_of(face).fetch_sub(1, std::memory_order_relaxed); }

std::string SessionBook::id_of(std::uint64_t number) const { return fmt::format("{}-{}", prefix_, number); }

std::uint64_t SessionBook::number_of(std::string_view id) const noexcept {
    if (!id.starts_with(prefix_) || id.size() <= prefix_.size() + 1 || id[prefix_.size()] != '-') return 0;
    id.remove_prefix(prefix_.size() + 1);
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(id.data(), id.data() + id.size(), number);
    return parsed.ec == std::errc{} && parsed.ptr == id.data() + id.size() ? number : 0;
}

std::atomic<std::uint64_t>& SessionBook::count_of(std::string_view face) noexcept {
    const auto place = std::ranges::find(faces, face) - faces.begin();
    return counts_[static_cast<std::size_t>(place)];
}

}  // namespace vserd::hub
