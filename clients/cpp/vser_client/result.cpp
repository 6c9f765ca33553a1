#include "vser_client/result.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>

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

void add_bytes_taken(Error& error, std::uint64_t before) {
    const bool is_exact = error.metadata.contains("bytes_taken") ||
                          (!error.reason.empty() && !error.metadata.contains("bytes_taken_at_least"));
    auto& taken = error.metadata[is_exact ? "bytes_taken" : "bytes_taken_at_least"];
    taken = std::to_string(std::strtoull(taken.c_str(), nullptr, 10) + before);
}

std::string to_string(const Error& error) { return std::string(to_string(error.code)) + ": " + error.message; }

}  // namespace vser::client
