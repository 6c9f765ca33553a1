#include "vser_client/label_selector.hpp"

#include <algorithm>

namespace vser::client {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool is_word(std::string_view text) { return text.find_first_of("=!, ()") == std::string_view::npos; }

Error wrong(std::string_view term) {
    return {.code = Code::invalid_argument,
            .message = "'" + std::string(term) +
                       "' does not select labels; write KEY=VALUE, KEY!=VALUE, KEY or !KEY, separated by commas",
            .reason = "USAGE"};
}

}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
    LabelSelector selector;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        auto term = parse_term(trimmed(text.substr(begin, end - begin)));
        if (!term) return std::move(term).error();
        selector.terms_.push_back(std::move(term).value());
        begin = end + 1;
    }
    return selector;
}

Result<LabelSelector::Term> LabelSelector::parse_term(std::string_view text) {
    Term term;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
        const bool absent = text.starts_with('!');
        term.kind = absent ? Term::Kind::absent : Term::Kind::present;
        term.key = trimmed(text.substr(absent ? 1 : 0));
    } else {
        const bool differs = equals > 0 && text[equals - 1] == '!';
        term.kind = differs ? Term::Kind::not_equal : Term::Kind::equal;
        term.key = trimmed(text.substr(0, equals - (differs ? 1 : 0)));
        auto value = text.substr(equals + 1);
        if (!differs && value.starts_with('=')) value.remove_prefix(1);  // "==" is the same in kubectl
        term.value = trimmed(value);
    }
    if (term.key.empty() || !is_word(term.key) || !is_word(term.value)) return wrong(text);
    return term;
}

bool LabelSelector::matches(const std::map<std::string, std::string>& labels) const {
    return std::ranges::all_of(terms_, [&labels](const Term& term) {
        const auto label = labels.find(term.key);
        switch (term.kind) {
            case Term::Kind::equal: return label != labels.end() && label->second == term.value;
            case Term::Kind::not_equal: return label == labels.end() || label->second != term.value;
            case Term::Kind::present: return label != labels.end();
            case Term::Kind::absent: break;
        }
        return label == labels.end();
    });
}

}  // namespace vser::client
