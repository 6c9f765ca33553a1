#include "vser_client/result.hpp"

#include <array>
#include <cstddef>

namespace vser::client {

const char* to_string(Code code) noexcept {
    static constexpr std::array names{
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
    };
    const auto index = static_cast<std::size_t>(code);
    return index < names.size() ? names[index] : "UNKNOWN";
}

std::string to_string(const Error& error) { return std::string(to_string(error.code)) + ": " + error.message; }

}  // namespace vser::client
