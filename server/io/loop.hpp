#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "io/engine.hpp"

namespace vserd::io {

/// Gives an engine for descriptors that the named one cannot serve; an error where there is none.
using NextEngine = std::function<Result<std::unique_ptr<Engine>>(std::string_view than)>;

/// A descriptor with the engine that serves it.
struct Attachment {
    Engine* engine = nullptr;  ///< the loop's
    Slot slot = 0;
    std::string refusals;  ///< why no engine that is preferred over it does; empty for the first
};

/// The io thread's event loop: a Boost.Asio io_context (timers, posts, inotify) that also hosts an Engine, and
/// more of them where there are descriptors that the first cannot serve.
///
/// Everything under port/ and hub/ runs on the thread that calls run(). Only post() and stop() may be called from
/// others.
class Loop {
public:
    explicit Loop(std::unique_ptr<Engine> engine, NextEngine next = nullptr);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// The first, which serves whatever it can.
    Engine& engine() noexcept { return *engine_; }
    /// Attaches to the first engine that does not say Failure::unsupported. The others are made when they are needed.
    Result<Attachment> attach(int fd);
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

    /// Runs `work` on the io thread, in order with the other calls, and a few calls at a time: between them everything else
    /// has its turn. For what clients ask for, of which there may be any number. Whoever posts bounds how many.
    void post_call(std::function<void()> work);  // any thread

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
    void run_calls();

    std::unique_ptr<Engine> engine_;
    NextEngine next_;
    boost::asio::io_context context_{1};
    std::unique_ptr<Private> private_;
};

}  // namespace vserd::io
