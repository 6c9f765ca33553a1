#include "access/users.hpp"

#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>

namespace vserd::access {
namespace {

constexpr std::size_t record_bytes_max = std::size_t{1} << 20;  ///< groups may have many members

/// The number of a user or a group by getpwnam_r or getgrnam_r.
template <class Record, class Id>
std::optional<Id> look_up(const char* name, int (*find)(const char*, Record*, char*, std::size_t, Record**),
                          Id Record::*id) {
    std::vector<char> buffer(4096);
    Record record{};
    Record* found = nullptr;
    while (find(name, &record, buffer.data(), buffer.size(), &found) == ERANGE && buffer.size() < record_bytes_max)
        buffer.resize(buffer.size() * 4);
    return found == nullptr ? std::nullopt : std::optional<Id>(found->*id);
}

std::string number_of(const std::string& pattern) {
    const std::string name = pattern.substr(4);
    if (pattern.starts_with("uid:")) {
        const auto uid = look_up<passwd, uid_t>(name.c_str(), ::getpwnam_r, &passwd::pw_uid);
        return uid ? fmt::format("uid:{}", *uid) : "";
    }
    const auto gid = look_up<group, gid_t>(name.c_str(), ::getgrnam_r, &group::gr_gid);
    return gid ? fmt::format("gid:{}", *gid) : "";
}

bool is_user_name(const std::string& pattern) {
    return (pattern.starts_with("uid:") || pattern.starts_with("gid:")) && pattern != "uid:*" && pattern != "gid:*" &&
           pattern.find_first_not_of("0123456789", 4) != std::string::npos;
}

}  // namespace

std::vector<Rule> with_user_numbers(std::vector<Rule> rules, FileReport& report) {
    std::map<std::string, std::string> numbers;  // each name is looked up once
    for (Rule& rule : rules) {
        std::vector<std::string> more;
        for (const std::string& pattern : rule.who) {
            if (!is_user_name(pattern)) continue;
            const auto [place, is_new] = numbers.try_emplace(pattern);
            if (is_new) {
                place->second = number_of(pattern);
                if (place->second.empty())
                    report.warnings.push_back(
                        fmt::format("[[access.rule]]: '{}' does not exist on this machine; the rule "
                                    "grants it nothing until the next reload that finds it",
                                    pattern));
            }
            if (!place->second.empty()) more.push_back(place->second);
        }
        rule.who.insert(rule.who.end(), more.begin(), more.end());
    }
    return rules;
}

}  // namespace vserd::access
