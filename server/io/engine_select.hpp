#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/engine.hpp"

namespace vserd::io {

/// A preferred engine that was rejected.
struct EngineRefusal {
    std::string engine;
    std::string reason;  ///< what failed, the errno name, and the fix
};

struct EngineChoice {
    std::unique_ptr<Engine> engine;
    std::vector<EngineRefusal> refusals;  ///< in order of preference
};

/// The engine names in order of preference, for help texts and validation.
const std::vector<std::string_view>& engine_names();

/// Returns the first engine that passes probe_engine(). `wanted` is "auto" or one of engine_names(). A named engine has no
/// fallback: if it fails, the error says why. An unknown name is Failure::invalid_argument with subject "engine".
Result<EngineChoice> select_engine(std::string_view wanted);

/// Returns the first engine after `than`, in order of preference, that passes probe_engine(). For a device that `than`
/// cannot serve.
Result<std::unique_ptr<Engine>> next_engine(std::string_view than);

}  // namespace vserd::io
