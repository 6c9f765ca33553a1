#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace vserd::line {

/// A pseudo terminal of devpts, beyond its number: devpts gives the number of a closed one to whoever asks next.
struct Terminal {
    std::string node;                 ///< of its node; another for each terminal. Empty: none that exists
    std::optional<std::string> link;  ///< of the links that led to it, empty where there were none; nothing: not known
};

/// What `fd` is, which was opened by `path`; nothing: no terminal of devpts.
std::optional<Terminal> terminal_at(const std::string& path, int fd);
/// Of the node that `fd` was opened by; empty where it does not exist any more.
std::string node_identity(int fd);

/// Whether `path` names, directly or by links, a number of devpts that no terminal has.
bool names_missing_terminal(const std::string& path);

/// Whether `path` does not mean a stranger's terminal after `closed` was closed: it means `closed` still, no terminal, or
/// another one on purpose, because the program that made it made its link anew.
bool may_reopen(const std::string& path, const Terminal& closed);

inline constexpr const char* terminal_subject = "terminal";
/// Why no terminal at `path` is opened, with terminal_subject as its subject, and how to resume.
Error terminal_error(const std::string& path);

/// The node that `path` leads to, where it is another device than `fd`; nothing where it is the same or missing.
std::optional<std::string> other_node_at(const std::string& path, int fd);

}  // namespace vserd::line
