#pragma once

#include <boost/system/result.hpp>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

namespace vserd {

/// What went wrong, in the words a caller branches on. `rpc/status.cpp` turns each into one gRPC status.
enum class Failure {
    invalid_argument,  ///< the caller's value is wrong; `subject` names the field
    not_found,         ///< no such port; `subject` is the name asked for
    unsupported,       ///< the device cannot do it; `subject` names the capability
    unavailable,       ///< the device is away or the server is going down
    out_of_range,      ///< an offset that has not been reached
    refused,           ///< another client holds what was asked for; `subject` says who
    exhausted,         ///< a named limit was reached; `subject` names it
    timed_out,         ///< not done within the deadline
    io                 ///< the operating system said no; `errno_value` says why
};

/// An error with all that a person or a program needs: the kind, the errno it came from (0 = none), the field,
/// capability or limit it is about, and a sentence that says what to do.
struct Error {
    Failure failure = Failure::io;
    int errno_value = 0;
    std::string subject;
    std::string message;
};

template <class T = void>
using Result = boost::system::result<T, Error>;

/// The current (or given) errno as an Error: "<what>: <strerror>".
Error errno_error(std::string what, int errno_value = errno);

/// The symbolic name ("EBUSY") of an errno value, "0" for 0, or its number where the C library knows no name.
std::string errno_name(int errno_value);

/// boost::system::result calls this when value() is asked of a failure: a bug of ours, never of the input.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::logic_error("unchecked failure: " + error.message);
}

}  // namespace vserd
