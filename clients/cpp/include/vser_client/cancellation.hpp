#pragma once

#include <functional>
#include <mutex>

namespace vser::client {

/// Lets one thread end the calls of another that wait for their reply. Streams are not concerned: they have cancel().
class Cancellation {
public:
    Cancellation() = default;
    Cancellation(const Cancellation&) = delete;
    Cancellation& operator=(const Cancellation&) = delete;

    /// Ends the present call of each Scope's thread, and all later ones, with CANCELLED (a connect: UNAVAILABLE). Any thread.
    void cancel();

    /// While it lives, what this thread asks servers can be cancelled. Scopes do not nest.
    class Scope {
    public:
        /// `cancellation` outlives it, and has no other scope at the same time.
        explicit Scope(Cancellation& cancellation) noexcept;
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
    };

    /// For the library: a call of this thread that `cancel` ends.
    class Running {
    public:
        explicit Running(std::function<void()> cancel);
        ~Running();
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;

    private:
        Cancellation* const cancellation_;
    };

private:
    std::mutex mutex_;
    bool cancelled_ = false;             ///< guarded by mutex_
    std::function<void()> cancel_call_;  ///< guarded by mutex_; null: no call waits
};

}  // namespace vser::client
