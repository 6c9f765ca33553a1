#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "vser_client/result.hpp"

namespace vser::client {

/// A call under way, for programs with a poll loop. Its destructor cancels it. Not thread-safe.
template <class T>
class PendingCall {
public:
    /// What the library implements; users have no need of it.
    struct Source {
        virtual ~Source() = default;
        virtual int ready_fd() const noexcept = 0;
        virtual std::optional<Result<T>> take() = 0;
    };

    explicit PendingCall(std::unique_ptr<Source> source) : source_(std::move(source)) {}

    /// Readable once the reply is there; owned by the call; never read or write it.
    int ready_fd() const noexcept { return source_->ready_fd(); }
    /// The reply, once; nothing while it is not there.
    std::optional<Result<T>> take() { return source_->take(); }

private:
    std::unique_ptr<Source> source_;
};

}  // namespace vser::client
