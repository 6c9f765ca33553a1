#include "config/table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/spelling.hpp"
#include "base/units.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

/// "a", "a or b", "a, b or c"; or another word before the last.
std::string one_of(const std::vector<std::string_view>& words, std::string_view before_last = " or ") {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? before_last : ", ";
        text += words[i];
    }
    return text;
}

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "an array";
        case toml::node_type::string: return "a string";
        case toml::node_type::integer: return "an integer";
        case toml::node_type::floating_point: return "a fraction";
        case toml::node_type::boolean: return "a boolean";
        default: return "a date or time";
    }
}

std::string range_text(std::int64_t min, std::int64_t max) { return fmt::format("from {} to {}", min, max); }

}  // namespace

void Problems::add(toml::source_position at, std::string message) {
    problems_.push_back(
        {file_, static_cast<std::uint32_t>(at.line), static_cast<std::uint32_t>(at.column), std::move(message)});
}

std::vector<Problem> Problems::take() {
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    if (problems_.size() > problems_max) {
        const std::size_t more = problems_.size() - problems_max;
        problems_.resize(problems_max);
        const Problem& last = problems_.back();
        problems_.push_back({file_, last.line, last.column, fmt::format("and {} more problems after this one", more)});
    }
    return std::exchange(problems_, {});
}

Table::Table(const toml::table& table, std::string heading, Problems& problems)
    : table_(table), heading_(std::move(heading)), problems_(problems) {}

std::optional<Located<std::string>> Table::string(std::string_view key) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    if (const auto* value = node->as_string()) return Located<std::string>{value->get(), node->source().begin};
    wrong_type(key, *node, "a string");
    return std::nullopt;
}

std::optional<Located<bool>> Table::boolean(std::string_view key) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    if (const auto* value = node->as_boolean()) return Located<bool>{value->get(), node->source().begin};
    wrong_type(key, *node, "true or false");
    return std::nullopt;
}

std::optional<Located<std::int64_t>> Table::integer(std::string_view key, std::int64_t min, std::int64_t max) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    const auto* value = node->as_integer();
    if (!value) {
        wrong_type(key, *node, "an integer");
        return std::nullopt;
    }
    if (value->get() < min || value->get() > max) {
        problem(node->source().begin,
                fmt::format("{} must be {}, not {}", name_of(key), range_text(min, max), value->get()));
        return std::nullopt;
    }
    return Located<std::int64_t>{value->get(), node->source().begin};
}

std::optional<Located<std::int64_t>> Table::size(std::string_view key, std::int64_t min, std::int64_t max) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    const auto at = node->source().begin;
    std::int64_t bytes = 0;
    if (const auto* number = node->as_integer()) {
        bytes = number->get();
    } else if (const auto* text = node->as_string()) {
        const auto parsed = base::parse_size(text->get());
        if (!parsed) {
            problem(at, fmt::format("{}: {}", name_of(key), parsed.error().message));
            return std::nullopt;
        }
        bytes = *parsed;
    } else {
        wrong_type(key, *node, "a size such as \"64KiB\"");
        return std::nullopt;
    }
    if (bytes < min || bytes > max) {
        problem(at, fmt::format("{} must be from {} to {}, not {} bytes", name_of(key), base::size_text(min),
                                base::size_text(max), bytes));
        return std::nullopt;
    }
    return Located<std::int64_t>{bytes, at};
}

std::optional<Located<std::string>> Table::word(std::string_view key, const std::vector<std::string_view>& words) {
    auto text = string(key);
    if (!text || std::find(words.begin(), words.end(), text->value) != words.end()) return text;
    std::string message = fmt::format("{} must be {}, not '{}'", name_of(key), one_of(words), text->value);
    const std::string_view meant = base::closest(text->value, words);
    if (!meant.empty()) message += fmt::format("; did you mean '{}'?", meant);
    problem(text->at, std::move(message));
    return std::nullopt;
}

std::vector<Located<std::string>> Table::strings(std::string_view key, std::size_t count_max) {
    const toml::node* node = find(key);
    if (!node) return {};
    if (const auto* one = node->as_string()) return {{one->get(), node->source().begin}};
    const auto* array = node->as_array();
    if (!array) {
        wrong_type(key, *node, "a string or an array of strings");
        return {};
    }
    if (array->size() > count_max) {
        problem(node->source().begin,
                fmt::format("{} may have {} entries, not {}", name_of(key), count_max, array->size()));
        return {};
    }
    std::vector<Located<std::string>> values;
    for (const toml::node& element : *array) {
        if (const auto* text = element.as_string()) {
            values.push_back({text->get(), element.source().begin});
        } else {
            wrong_type(key, element, "a string or an array of strings");
        }
    }
    return values;
}

const toml::table* Table::table(std::string_view key) {
    const toml::node* node = find(key);
    if (!node) return nullptr;
    if (!node->is_table()) wrong_type(key, *node, "a table");
    return node->as_table();
}

void Table::tables(std::string_view key, const std::function<void(const toml::table&)>& each) {
    const toml::node* node = find(key);
    if (!node) return;
    if (node->is_table()) {
        const std::string name(key);
        problem(node->source().begin,
                fmt::format("there may be several of {}: write [[{}]], not [{}]", name, name, name));
        return;
    }
    const auto* array = node->as_array();
    if (!array) return wrong_type(key, *node, "an array of tables");
    for (const toml::node& element : *array) {
        if (const auto* table = element.as_table()) {
            each(*table);
        } else {
            wrong_type(key, element, "an array of tables");
        }
    }
}

void Table::finish() {
    for (const auto& [key, node] : table_) {
        if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
        const std::string_view meant = base::closest(key.str(), known_);
        std::string message = "unknown key " + name_of(key.str());
        message +=
            meant.empty() ? "; known are " + one_of(known_, " and ") : fmt::format("; did you mean '{}'?", meant);
        problem(key.source().begin, std::move(message));
    }
}

const toml::node* Table::find(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
}

void Table::wrong_type(std::string_view key, const toml::node& node, std::string_view wanted) {
    problem(node.source().begin, fmt::format("{} must be {}, not {}", name_of(key), wanted, type_name(node)));
}

std::string Table::name_of(std::string_view key) const {
    return fmt::format("'{}' {}", key, heading_.empty() ? "at the top level" : "in " + heading_);
}

}  // namespace vserd::config
