#pragma once

#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "config/config.hpp"

namespace vserd::config {

/// A value and its place in the file.
template <class T>
struct Located {
    T value;
    toml::source_position at;
};

/// Collects problems and returns them in the order of the file.
class Problems {
public:
    explicit Problems(std::string_view file) : file_(base::printable_text(file)) {}
    void add(toml::source_position at, std::string message);
    bool empty() const noexcept { return problems_.empty(); }
    std::vector<Problem> take();  ///< at most problems_max of them

private:
    std::string file_;
    std::vector<Problem> problems_;
};

/// One table of the file while it is read. Each getter returns nothing if the key is missing, and reports a value of the wrong
/// type. Keys for which a getter was called are known; finish() reports all others.
class Table {
public:
    /// `heading` is its name in messages, such as "[server]"; empty for the top level. All three arguments outlive this.
    Table(const toml::table& table, std::string heading, Problems& problems);

    bool has(std::string_view key) const { return table_.contains(key); }
    std::optional<Located<std::string>> string(std::string_view key);
    std::optional<Located<bool>> boolean(std::string_view key);
    /// Reports a value outside [min, max].
    std::optional<Located<std::int64_t>> integer(std::string_view key, std::int64_t min, std::int64_t max);
    /// An integer, or a string such as "64KiB".
    std::optional<Located<std::int64_t>> size(std::string_view key, std::int64_t min, std::int64_t max);
    /// One of `words`; the message suggests the closest.
    std::optional<Located<std::string>> word(std::string_view key, const std::vector<std::string_view>& words);
    /// A string, or an array of at most `count_max` of them.
    std::vector<Located<std::string>> strings(std::string_view key, std::size_t count_max);
    /// A [table] inside this one.
    const toml::table* table(std::string_view key);
    /// Calls `each` for every [[key]] table.
    void tables(std::string_view key, const std::function<void(const toml::table&)>& each);

    void finish();

    void problem(toml::source_position at, std::string message) { problems_.add(at, std::move(message)); }
    toml::source_position at() const noexcept { return table_.source().begin; }
    const std::string& heading() const noexcept { return heading_; }

private:
    const toml::node* find(std::string_view key);
    void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted);
    std::string name_of(std::string_view key) const;

    const toml::table& table_;
    std::string heading_;
    Problems& problems_;
    std::vector<std::string_view> known_;
};

}  // namespace vserd::config
