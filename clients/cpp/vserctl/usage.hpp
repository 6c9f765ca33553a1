#pragma once

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vser_client/result.hpp"

// What is wrong with a command line. Parsers throw CLI11's error, and options.cpp prints it.
namespace vserctl {

[[noreturn]] void refuse(const std::string& message);

/// Returns the value, or throws; the message begins with the name of the option or argument, unless that is empty.
template <class T>
T checked(vser::client::Result<T> result, std::string_view name = {}) {
    if (!result) refuse((name.empty() ? "" : std::string(name) + ": ") + result.error().message);
    return std::move(result).value();
}

/// Accepts only these words.
CLI::Validator one_of(std::vector<std::string> words);

/// Accepts only whole numbers in this range.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);

/// The message for an error that parsing with `app` threw.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace vserctl
