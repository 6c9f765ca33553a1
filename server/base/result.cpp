#include "base/result.hpp"

#include <string.h>  // NOLINT(modernize-deprecated-headers): strerrorname_np is not in <cstring>'s contract

#include <system_error>

namespace vserd {

Error errno_error(std::string what, int errno_value) {
    what += ": ";
    what += std::generic_category().message(errno_value);
    return Error{Failure::io, errno_value, {}, std::move(what)};
}

std::string errno_name(int errno_value) {
    const char* name = ::strerrorname_np(errno_value);
    return name != nullptr ? name : std::to_string(errno_value);
}

}  // namespace vserd
