#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace vserd::line {

/// Identifies a pseudo terminal. Its number is not enough, because devpts gives the number of a closed terminal to the next
/// program that asks.
struct Terminal {
    std::string node;                 ///< identity of its node, different for each terminal; empty: it no longer exists
    std::optional<std::string> link;  ///< identity of the links to it (empty if there are none); nullopt: unknown
};

/// The terminal of `fd`, which was opened at `path`; nullopt if it is not a pseudo terminal.
std::optional<Terminal> terminal_at(const std::string& path, int fd);
/// The identity of the node of `fd`; empty if it no longer exists.
std::string node_identity(int fd);

/// Whether `path` leads, directly or through links, to a pseudo terminal that does not exist.
bool names_missing_terminal(const std::string& path);

/// Whether `path` is safe to open after `closed` was closed. It is unsafe if it leads to another terminal with the same number.
/// If a program has created the link again, the other terminal is intended, and safe.
bool may_reopen(const std::string& path, const Terminal& closed);

inline constexpr const char* terminal_subject = "terminal";
/// The error for a terminal that is not opened, with terminal_subject as its subject. The message says how to resume.
Error terminal_error(const std::string& path);

/// Returns the node that `path` leads to if it is another device than `fd`; nullopt if it is the same or missing.
std::optional<std::string> other_node_at(const std::string& path, int fd);

}  // namespace vserd::line
