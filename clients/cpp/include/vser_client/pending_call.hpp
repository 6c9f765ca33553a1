#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "vser_client/result.hpp"

namespace vser::client {

/// A call in progress, for programs with a poll loop. Its destructor cancels it. Not thread-safe.
template <class T>
class PendingCall {
public:
    /// Implemented by the library; not for users.
    struct Source {
        virtual ~Source() = default;
        virtual void cancel() = 0;
        virtual int ready_fd() const noexcept = 0;
        virtual std::optional<Result<T>> take() = 0;
    };

    explicit PendingCall(std::unique_ptr<Source> source) : source_(std::move(source)) {}

    /// Becomes readable when the reply has arrived. The call owns it; do not read or write it.
    int ready_fd() const noexcept { return source_->ready_fd(); }
    /// Returns the reply once; nothing until it has arrived.
    std::optional<Result<T>> take() { return source_->take(); }
    /// Asks to end the call. Its reply still comes: Code::cancelled, or what the server had answered already.
    void cancel() { source_->cancel(); }

private:
    std::unique_ptr<Source> source_;
};

}  // namespace vser::client
