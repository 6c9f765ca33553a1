#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/lazy_deque.hpp"
#include "line/line.hpp"
#include "port/life.hpp"
#include "port/worker_pool.hpp"

namespace vserd::port {

/// Time limit of a call to a driver, from when a worker starts it.
inline constexpr std::chrono::milliseconds driver_limit{5000};

/// The open line and the calls on it, which are ioctls that may be slow. They run on the worker pool in order, one at a time.
/// A call that hangs gets an error after driver_limit. Until it returns, no other call runs, and the line is not closed. Io
/// thread only.
class LineCalls {
public:
    using SharedLine = std::shared_ptr<line::Line>;  ///< shared with the worker that uses it

    struct Hooks {
        std::function<void()> calling;                      ///< a call begins
        std::function<void(const std::string& what)> hung;  ///< a call hangs, also one that close() waits for
        std::function<void(int fd)> closing;                ///< the descriptor is about to be closed
        std::function<void()> closed;                       ///< the line is closed
        std::function<void()> close_overdue;                ///< close has not returned for driver_limit
        std::function<void(const Error&)> close_refused;    ///< no worker was free; the line is still open
    };

    /// `workers`, `device` and `life` outlive this.
    LineCalls(WorkerPool& workers, const std::string& device, const Life& life)
        : workers_(workers), device_(device), life_(life) {}
    void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

    void open(SharedLine line);
    line::Line& line() noexcept { return *line_; }

    /// Requires an open line. `work` runs on a worker and owns what it uses; `reply` runs on the io thread.
    template <class T>
    void call(std::function<Result<T>(line::Line&)> work, std::function<void(Result<T>)> reply) {
        const auto result = std::make_shared<std::optional<Result<T>>>();  // shared with the worker, which may hang
        calls_.push_back({[result, work = std::move(work)](line::Line& line) { *result = work(line); },
                          [result, reply] { reply(std::move(**result)); },
                          [reply](const Error& error) { reply(error); }});
        start_next();
    }

    /// Whether a call is running.
    bool is_busy() const noexcept { return state_ == State::running || state_ == State::ending; }
    /// Calls that have not started.
    std::size_t waiting() const noexcept { return calls_.size(); }

    /// Answers every call with `error`, including the one that is running.
    void abandon(const Error& error);
    /// Closes the line as soon as no worker uses it. May be called again, which retries a refused close.
    void close();

private:
    enum class State : std::uint8_t {
        closed,
        idle,     // open, no call is running
        running,  // a call is running
        ending,   // a call is running; the line is closed when it returns
        closing,  // a worker closes the line
    };
    struct Call {
        std::function<void(line::Line&)> work;
        std::function<void()> done;
        std::function<void(const Error&)> abandon;  ///< instead of done
    };

    void start_next();
    void returned();
    void overdue();
    void refused(const Error& error);
    void start_close();

    WorkerPool& workers_;
    const std::string& device_;
    const Life& life_;
    Hooks hooks_;
    State state_ = State::closed;
    SharedLine line_;
    base::LazyDeque<Call, 2> calls_;
    std::optional<Call> running_;  ///< empty if it was answered before it returned
};

}  // namespace vserd::port
