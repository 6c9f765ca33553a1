// Patterns of rules on any names: the index finds what each glob alone matches, and that is what the grammar says.
#include <string>
#include <vector>

#include "access/glob_index.hpp"
#include "access/policy.hpp"
#include "base/text.hpp"
#include "fuzz/fuzz.hpp"

using namespace vserd;

namespace {

/// The characters of UTF-8 text; stray bytes follow the character before.
std::vector<std::string> characters(std::string_view text) {
    std::vector<std::string> list;
    for (const char c : text) {
        const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U && !list.empty();
        if (continues) {
            list.back() += c;
        } else {
            list.emplace_back(1, c);
        }
    }
    return list;
}

/// The grammar, by a table of all beginnings of both.
bool matches(const std::vector<std::string>& glob, const std::vector<std::string>& text) {
    std::vector<bool> row(text.size() + 1);
    row[0] = true;
    for (const std::string& g : glob) {
        std::vector<bool> next(text.size() + 1);
        for (std::size_t t = 0; t <= text.size(); ++t) {
            if (g == "*") {
                next[t] = row[t] || (t > 0 && next[t - 1]);
            } else if (t > 0) {
                next[t] = row[t - 1] && (g == "?" || g == text[t - 1]);
            }
        }
        row = next;
    }
    return row.back();
}

void one_by_one(const std::vector<std::string>& globs, const std::string& text) {
    access::GlobIndex index;
    std::vector<bool> found(globs.size());
    for (const std::string& glob : globs) index.add(glob);
    index.match(text, [&](access::GlobIndex::Id id) {
        require(!found.at(id), "a glob is found once");
        found.at(id) = true;
    });
    for (const std::string& glob : globs) {
        const bool alone = access::glob_matches(glob, text);
        require(alone == found.at(index.add(glob)), "the index finds what the glob alone matches");
        const bool is_utf8 = base::printable_text(glob) == glob && base::printable_text(text) == text;
        if (is_utf8)
            require(alone == matches(characters(glob), characters(text)), "a glob means what the grammar says");
    }
}

void as_rules(const std::vector<std::string>& globs, const std::string& text) {
    std::vector<std::string> who;
    std::vector<std::string> ports;
    for (const std::string& glob : globs) {
        const auto checked = access::check_who(glob);
        if (checked) who.push_back(glob);
        if (!checked) require(checked.error().message.size() > 10, "a refusal says what would be right");
        if (access::check_port_pattern(glob)) ports.push_back(glob);
    }
    const access::Policy policy({{who, ports, access::Role::write}});
    const access::Identity identity{.names = {text}};
    const auto role = policy.role_of(identity, text);
    require(role == access::Role::none || role == access::Role::write, "only what is granted");
    require(role == access::Role::none || policy.knows(identity), "who may do something is known");
    require(policy.role_of({}, text) == access::Role::none, "nobody in particular has no rights");
}

}  // namespace

/// The first line is a name, all others are globs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest = Input(data, size).rest().substr(0, 2048);
    std::vector<std::string> lines;
    while (!rest.empty() && lines.size() < 16) {
        lines.emplace_back(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(std::min(lines.back().size() + 1, rest.size()));
    }
    if (lines.empty()) return 0;
    const std::string text = lines.front();
    lines.erase(lines.begin());
    one_by_one(lines, text);
    as_rules(lines, text);
    return 0;
}
