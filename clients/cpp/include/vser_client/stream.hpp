#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "vser_client/result.hpp"

namespace vser::client {

/// A stream of replies, ended by the server, by an error or by cancel(). One thread calls next(); any thread cancel().
///
///     while (auto item = stream.next()) use(*item);
///     if (auto error = stream.error()) print_error(*error);
template <class T>
class Stream {
public:
    /// Implemented by the library; not for users.
    struct Source {
        virtual ~Source() = default;
        virtual std::optional<T> next() = 0;
        virtual std::optional<Error> error() const = 0;
        virtual void cancel() = 0;
    };

    explicit Stream(std::unique_ptr<Source> source) : source_(std::move(source)) {}

    /// Waits for the next item; nothing at the end.
    std::optional<T> next() { return source_->next(); }
    /// Why the stream ended; nothing if it ended normally. Call it after next() has returned nothing.
    std::optional<Error> error() const { return source_->error(); }
    /// Ends the stream early; next() returns nothing and error() is CANCELLED.
    void cancel() { source_->cancel(); }

private:
    std::unique_ptr<Source> source_;
};

}  // namespace vser::client
