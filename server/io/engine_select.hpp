#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/engine.hpp"

namespace vserd::io {

/// Why an engine that would have been preferred is not in use.
struct EngineRefusal {
    std::string engine;
    std::string reason;  ///< a sentence with the errno name and what to do about it
};

struct EngineChoice {
    std::unique_ptr<Engine> engine;
    std::vector<EngineRefusal> refusals;  ///< in order of preference
};

/// The engine names in order of preference, for help texts and validation.
const std::vector<std::string_view>& engine_names();

/// Chooses by doing: each candidate is built and moves real bytes over a real pty (read, write, cancel, hang-up) before
/// it is taken. `wanted` is "auto" or one of engine_names(); a named engine that cannot serve is an error with the
/// reason. Unknown names are Failure::invalid_argument with subject "engine".
Result<EngineChoice> select_engine(std::string_view wanted);

/// For a device that the engine of that name cannot serve: the best one behind it in the order of preference that proves
/// itself here.
Result<std::unique_ptr<Engine>> next_engine(std::string_view than);

}  // namespace vserd::io
