#include "config/port_labels.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace vserd::config {
namespace {

constexpr std::size_t labels_max = 16;
constexpr std::size_t label_bytes_max = 63;  // as Kubernetes

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_word(std::string_view text) {
    return text.size() <= label_bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '.' || c == '_' || c == '-' || c == '/';
           });
}

bool is_key(std::string_view text) { return is_word(text) && !text.empty() && is_alphanumeric(text.front()); }

}  // namespace

base::Labels read_port_labels(Table& port, Problems& problems) {
    base::Labels labels;
    const toml::table* const source = port.table("labels");
    if (source == nullptr) return labels;
    if (source->size() > labels_max) {
        problems.add(source->source().begin,
                     fmt::format("'labels' in [[port]] has {} labels; the maximum is {}", source->size(), labels_max));
        return labels;
    }
    Table table(*source, "'labels' in [[port]]", problems);
    for (const auto& [key, value] : *source) {
        const std::string_view name = key.str();
        const auto text = table.string(name);
        if (!text) continue;
        if (!is_key(name) || !is_word(text->value)) {
            problems.add(text->at,
                         fmt::format("label '{}' = '{}' in [[port]]: keys and values are at most {} of A-Z, "
                                     "a-z, 0-9, '.', '_', '-' and '/'; a key begins with a letter or digit",
                                     base::printable_text(name), base::printable_text(text->value), label_bytes_max));
            continue;
        }
        labels.emplace(name, text->value);
    }
    return labels;
}

}  // namespace vserd::config
