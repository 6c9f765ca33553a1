#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace vser::client {

/// The kind of failure, with gRPC's numbers.
enum class Code : std::uint8_t {
    ok = 0,
    cancelled = 1,
    unknown = 2,
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    already_exists = 6,
    permission_denied = 7,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    out_of_range = 11,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
    data_loss = 15,
    unauthenticated = 16,
};

/// "NOT_FOUND" and so on.
const char* to_string(Code code) noexcept;

/// Why a call failed.
struct Error {
    Code code = Code::unknown;
    std::string message{};  ///< for people
    std::string reason{};   ///< for programs: the reason in the ErrorInfo; empty if there is none
    std::map<std::string, std::string> metadata{};  ///< the metadata of the ErrorInfo: "port", "errno", "field", ...

    /// True if the error does not come from the server: it could not be reached, or the connection broke.
    bool is_transport() const noexcept { return code == Code::unavailable && reason.empty(); }
};

/// For a write in pieces, when a piece fails: adds `before`, the bytes accepted from earlier pieces, to the count in the
/// error's metadata ("bytes_taken" if the server answered, otherwise "bytes_taken_at_least").
void add_bytes_taken(Error& error, std::uint64_t before);

/// "NOT_FOUND: no port named ...".
std::string to_string(const Error& error);

/// Thrown by Result::value() on a failure, for programs that prefer exceptions.
class Failed : public std::runtime_error {
public:
    explicit Failed(Error error) : std::runtime_error(to_string(error)), error_(std::move(error)) {}
    const Error& error() const noexcept { return error_; }

private:
    Error error_;
};

/// The value of calls that return none.
struct Done {};

/// A value or an Error. The compiler warns when a Result is ignored.
template <class T = Done>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    /// The value; throws Failed if this is an error.
    T& value() & {
        check();
        return std::get<0>(state_);
    }
    T&& value() && {
        check();
        return std::get<0>(std::move(state_));
    }
    T&& operator*() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return std::get<0>(state_); }
    const T& operator*() const& { return std::get<0>(state_); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }

    /// Requires: not ok().
    const Error& error() const& { return std::get<1>(state_); }
    Error&& error() && { return std::get<1>(std::move(state_)); }

private:
    void check() const {
        if (!ok()) throw Failed(std::get<1>(state_));
    }

    std::variant<T, Error> state_;
};

}  // namespace vser::client
