#pragma once

#include <string>
#include <string_view>

#include "hub/calls.hpp"

namespace vserd::web {

hub::CallStatus invalid_argument(std::string message);
hub::CallStatus unimplemented(std::string message);
hub::CallStatus unauthenticated(std::string message);
hub::CallStatus unavailable(std::string message);
/// `limit`: its name, for programs.
hub::CallStatus exhausted(std::string message, const std::string& limit);

/// A path for a sentence that its sender reads.
std::string shown_path(std::string_view path);

}  // namespace vserd::web
