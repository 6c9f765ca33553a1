#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vser_client/result.hpp"

namespace vser::client {

/// Selects ports by their labels, in the notation of kubectl: terms that all must hold, separated by commas. A term is
/// "rack=3", "rack!=3" (also true without that label), "rack" (has the label) or "!rack" (does not).
class LabelSelector {
public:
    /// Code::invalid_argument with a message that names the term.
    static Result<LabelSelector> parse(std::string_view text);

    bool matches(const std::map<std::string, std::string>& labels) const;

private:
    struct Term {
        enum class Kind { equal, not_equal, present, absent };
        Kind kind = Kind::present;
        std::string key;
        std::string value;
    };

    static Result<Term> parse_term(std::string_view text);

    std::vector<Term> terms_;
};

}  // namespace vser::client
