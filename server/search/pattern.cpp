#include "search/pattern.hpp"

#include <fmt/core.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vserd::search {
namespace {

/// Of all patterns of one search together: bounds the time for each byte of a pattern that RE2 cannot search quickly.
constexpr std::size_t instructions_max = 2000;

Error invalid(const std::string& field, std::string message) {
    return {Failure::invalid_argument, 0, field, std::move(message)};
}

re2::RE2::Options options() {
    re2::RE2::Options options(re2::RE2::Latin1);  // bytes, whatever they are
    options.set_max_mem(static_cast<std::int64_t>(pattern_memory_max));
    options.set_never_nl(true);
    options.set_log_errors(false);
    return options;
}

/// Whether a pattern may distinguish the begin or end of the text from that of a line, or match a line end (\C is any byte).
/// Some that do not are included.
bool sees_the_whole_text(std::string_view pattern) {
    for (const char* escape : {"\\A", "\\z", "\\C"}) {
        if (pattern.find(escape) != pattern.npos) return true;
    }
    for (auto group = pattern.find("(?"); group != pattern.npos; group = pattern.find("(?", group + 1)) {
        const auto flags = pattern.substr(group + 2, pattern.find_first_of(":)", group) - group - 2);
        if (flags.find('-') != flags.npos) return true;
    }
    return false;
}

Error too_large(const std::string& field, std::size_t size) {
    return invalid(field, fmt::format("{} needs {} instructions; the maximum of one search is {}: repeat less", field,
                                      size, instructions_max));
}

}  // namespace

Pattern::Pattern(std::unique_ptr<re2::RE2> compiled, bool line_by_line)
    : compiled_(std::move(compiled)), line_by_line_(line_by_line) {}
Pattern::Pattern(Pattern&& other) noexcept = default;
Pattern& Pattern::operator=(Pattern&& other) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(const std::string& text, const std::string& field) {
    if (text.empty()) return invalid(field, fmt::format("{} is empty; give a regular expression", field));
    if (text.size() > pattern_bytes_max) {
        return invalid(field,
                       fmt::format("{} is {} bytes long; the maximum is {}", field, text.size(), pattern_bytes_max));
    }
    auto compiled = std::make_unique<re2::RE2>("(?m)" + text, options());
    if (!compiled->ok()) {
        const re2::RE2 alone(text, options());  // whose message does not show our flags
        return invalid(field, fmt::format("{} is not a regular expression of RE2: {}", field,
                                          alone.ok() ? compiled->error() : alone.error()));
    }
    return Pattern(std::move(compiled), sees_the_whole_text(text));
}

std::size_t Pattern::size() const noexcept { return static_cast<std::size_t>(compiled_->ProgramSize()); }

std::optional<Span> Pattern::find(std::string_view text, std::size_t from) const {
    if (!line_by_line_) return find_in(text, from);
    while (from <= text.size()) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        if (const auto found = find_in(text.substr(from, end - from), 0))
            return Span{from + found->from, from + found->to};
        from = end + 1;
    }
    return std::nullopt;
}

std::optional<Span> Pattern::find_in(std::string_view text, std::size_t from) const {
    const re2::StringPiece searched(text.data(), text.size());
    re2::StringPiece match;
    if (!compiled_->Match(searched, from, text.size(), re2::RE2::UNANCHORED, &match, 1)) return std::nullopt;
    const auto begin = static_cast<std::size_t>(match.data() - searched.data());
    return Span{begin, begin + match.size()};
}

std::vector<std::string> Pattern::groups(std::string_view line, const Span& match) const {
    const auto count = std::min(static_cast<std::size_t>(compiled_->NumberOfCapturingGroups()), groups_max);
    std::array<re2::StringPiece, groups_max + 1> found;
    const re2::StringPiece searched(line.data(), line.size());
    std::vector<std::string> groups(count);
    if (!compiled_->Match(searched, match.from, line.size(), re2::RE2::ANCHOR_START, found.data(),
                          static_cast<int>(count) + 1)) {
        return groups;
    }
    for (std::size_t i = 0; i < count; ++i) groups[i].assign(found[i + 1].data(), found[i + 1].size());
    return groups;
}

Result<Patterns> compile(const std::vector<std::string>& texts, const std::string& field) {
    if (texts.empty()) return invalid(field, fmt::format("{} is empty; give at least one regular expression", field));
    if (texts.size() > patterns_max) {
        return invalid(field, fmt::format("{} has {} entries; the maximum is {}", field, texts.size(), patterns_max));
    }
    Patterns patterns;
    std::size_t size = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::string path = fmt::format("{}[{}]", field, i);
        auto pattern = Pattern::compile(texts[i], path);
        if (!pattern) return pattern.error();
        size += pattern->size();
        if (size > instructions_max) return too_large(path, size);
        patterns.push_back(std::move(*pattern));
    }
    return patterns;
}

Result<Patterns> compile(const std::string& text, const std::string& field) {
    auto pattern = Pattern::compile(text, field);
    if (!pattern) return pattern.error();
    if (pattern->size() > instructions_max) return too_large(field, pattern->size());
    Patterns patterns;
    patterns.push_back(std::move(*pattern));
    return patterns;
}

}  // namespace vserd::search
