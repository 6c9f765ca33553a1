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
#include "io/read_rest.hpp"

namespace vserd::io {

/// Returns an engine for descriptors that `than` cannot serve, or an error if there is none.
using NextEngine = std::function<Result<std::unique_ptr<Engine>>(std::string_view than)>;

/// A descriptor with the engine that serves it.
struct Attachment {
    Engine* engine = nullptr;  ///< the loop's
    Slot slot = 0;
    std::string refusals;  ///< why the engines before this one rejected the descriptor; empty for the first engine
};

/// The io thread's event loop: a Boost.Asio io_context (timers, posts, inotify) that also drives an Engine. Descriptors that
/// the first engine cannot serve get further engines.
///
/// The io thread is the thread that calls run(). All code in port/ and hub/ runs on it. Other threads may call only post(),
/// post_call() and stop().
class Loop {
public:
    explicit Loop(std::unique_ptr<Engine> engine, NextEngine next = nullptr);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// The first engine. It serves every descriptor that it can.
    Engine& engine() noexcept { return *engine_; }
    /// Attaches to the first engine that does not return Failure::unsupported. Further engines are created on demand.
    Result<Attachment> attach(int fd);
    boost::asio::io_context& context() noexcept { return context_; }

    /// Repeats until stop(): run handlers, run engine completions, run end-of-turn work, sleep. Returns at once if stop() was
    /// called before. Afterwards, run() and poll_once() may be called again.
    void run();
    void stop();  // any thread

    /// Runs `work` on the io thread, soon.
    template <class Work>
    void post(Work&& work) {  // any thread
        boost::asio::post(context_, std::forward<Work>(work));
    }

    /// Runs `work` on the io thread, in the order of the calls. Only a few calls run at a time, so that a flood of client
    /// requests does not delay bytes. The caller must bound the number of calls that wait.
    void post_call(std::function<void()> work);  // any thread

    /// Runs `work` once at the end of the current turn, after all completions that are ready now. Used to put the bytes that
    /// several ports received in one turn into one message. Io thread only.
    void at_end_of_turn(std::function<void()> work);

    /// Bytes were sent to a device: the loop may poll for a moment instead of sleeping (AnswerWait). Io thread only.
    void expect_answer();
    /// Bytes came from a device. Io thread only.
    void answer_arrived();

    /// A read of a port brought fewer than ReadRest::small_bytes. Returns whether there are so many of them that ports may rest.
    /// Io thread only.
    bool count_small_read();
    /// Lets the port rest until its tick. Returns false if it must read again now. Io thread only.
    bool rest(ReadRest::Port& port);

    /// Whether the caller is the io thread (the thread inside run()).
    bool in_loop_thread() const noexcept;

    /// Runs one turn without sleeping (for tests that drive the loop by hand). Returns whether anything ran.
    bool poll_once();

private:
    struct Private;
    bool turn(bool may_sleep);
    std::size_t poll_for_answer();
    void tick_rests();
    void run_calls();

    std::unique_ptr<Engine> engine_;
    NextEngine next_;
    boost::asio::io_context context_{1};
    std::unique_ptr<Private> private_;
};

}  // namespace vserd::io
