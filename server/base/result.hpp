#pragma once

#include <boost/system/result.hpp>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace vserd {

/// The kind of an error, for callers to check. `rpc/status.cpp` converts each to one gRPC status.
enum class Failure {
    invalid_argument,  ///< a value from the caller is invalid; `subject` names the field
    not_found,         ///< no such port; `subject` is the requested name
    unsupported,       ///< the device does not support it; `subject` names the capability
    unavailable,       ///< the device is disconnected, or the server is shutting down
    out_of_range,      ///< an offset that has not been reached
    refused,           ///< another client holds the port; `subject` names it
    lease_lost,        ///< the lease that the client presents has ended; `subject` names who holds the port now
    denied,            ///< the client's role on the port is too low; `subject` is the role that is needed
    unauthenticated,   ///< a token or certificate that proves nothing
    no_session,        ///< no session of that id; `subject` is the id
    ended,             ///< another client has ended the session; `subject` names it
    exhausted,         ///< a named limit was reached; `subject` names it
    timed_out,         ///< not done within the deadline
    io                 ///< the operating system reported an error; `errno_value` says which
};

/// An error with everything that a person or a program needs: the kind, the errno (0 = none), the field, capability or limit
/// that it concerns, and a sentence that says what to do.
struct Error {
    Failure failure = Failure::io;
    int errno_value = 0;
    std::string subject;
    std::string message;
    std::vector<std::pair<std::string, std::string>> details = {};  ///< more for programs: ("held", "read")
};

template <class T = void>
using Result = boost::system::result<T, Error>;

/// The current (or given) errno as an Error: "<what>: <strerror>".
Error errno_error(std::string what, int errno_value = errno);

/// The symbolic name of an errno value ("EBUSY"), "0" for 0, or the number if the C library has no name for it.
std::string errno_name(int errno_value);

/// boost::system::result calls this when value() is called on a failure, which is a bug in vserd, never caused by input.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::logic_error("unchecked failure: " + error.message);
}

}  // namespace vserd
