#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "io/engine.hpp"

namespace vserd::io {

/// The io thread's event loop: a Boost.Asio io_context (timers, posts, inotify) that also hosts one Engine.
///
/// Everything under port/ and hub/ runs on the thread that calls run(). Only post() and stop() may be called from
/// others.
class Loop {
public:
    explicit Loop(std::unique_ptr<Engine> engine);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    Engine& engine() noexcept { return *engine_; }
    boost::asio::io_context& context() noexcept { return context_; }

    /// Runs until stop(): handlers, then engine completions, then end-of-turn work, then sleep. A stop() from before makes it
    /// return at once. It may be called again, and so may poll_once(), once it has returned.
    void run();
    void stop();  // any thread

    /// Runs `work` on the io thread, soon.
    template <class Work>
    void post(Work&& work) {  // any thread
        boost::asio::post(context_, std::forward<Work>(work));
    }

    /// Runs `work` once at the end of the current turn, after all completions that are ready now: the place to gather
    /// what several ports received at once into one message. Io thread only.
    void at_end_of_turn(std::function<void()> work);

    /// Whether the caller is the io thread (the thread inside run()).
    bool in_loop_thread() const noexcept;

    /// Runs one turn without sleeping (for tests that drive the loop by hand). Returns whether anything ran.
    bool poll_once();

private:
    struct Private;
    bool turn(bool may_sleep);

    std::unique_ptr<Engine> engine_;
    boost::asio::io_context context_{1};
    std::unique_ptr<Private> private_;
};

}  // namespace vserd::io
