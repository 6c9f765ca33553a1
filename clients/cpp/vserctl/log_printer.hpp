#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "vserctl/log_merge.hpp"
#include "vserctl/options.hpp"

namespace re2 {
class RE2;
}

namespace vserctl {

/// Writes the entries of logs as text, JSON lines or an asciicast.
class LogPrinter {
public:
    using Out = std::function<void(std::string_view)>;

    virtual ~LogPrinter() = default;
    virtual void print(const LogEntry& entry) = 0;
    /// Call it at the end.
    virtual void finish() {}

    /// `terminal`: the text is for a terminal, which it must not control; `colour`: with colours.
    static std::unique_ptr<LogPrinter> make(const LogCommand& command, Out out, Out note, bool terminal, bool colour);
};

}  // namespace vserctl
