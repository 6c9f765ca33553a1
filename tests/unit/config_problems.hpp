#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "config/config.hpp"

/// Files with mistakes, and what is said about them.
namespace vserd::config {

inline std::vector<std::string> problems_of(const std::string& text) {
    const auto result = parse(text, "f");
    std::vector<std::string> lines;
    if (result) return lines;
    for (const Problem& problem : result.error()) lines.push_back(to_string(problem));
    return lines;
}

/// One valid port, with `more` in it.
inline std::string port(const std::string& more) {
    return "[[port]]\nname = \"a\"\ndevice = \"sim:echo\"\n" + more + "\n";
}

inline std::string server(const std::string& more) { return "[server]\n" + more + "\n"; }

const inline std::string one_rule = "[[access.rule]]\nwho = [\"token:ci\"]\nports = [\"*\"]\nrole = \"read\"\n";

struct Case {
    const char* name;
    std::string text;
    std::vector<std::string> problems;
};
inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class ConfigProblem : public testing::TestWithParam<Case> {};

}  // namespace vserd::config
