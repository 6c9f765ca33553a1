#include "io/loop.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "io/answer_wait.hpp"

namespace vserd::io {
namespace {

/// Handlers that run before the loop drains the engine again.
constexpr int handlers_per_turn_max = 64;
/// Calls that run before other handlers run again.
constexpr int calls_per_handler_max = 16;
/// Slow handlers or calls stop after this time, even if fewer than the maximum have run.
constexpr std::chrono::microseconds handlers_time_max{500};

}  // namespace

struct Loop::Private {
    /// Wakes the loop when an engine has work.
    class Doorbell {
    public:
        Doorbell(boost::asio::io_context& context, const Engine& engine) : ready_(context, engine.wait_fd()) {}
        // The engine owns the descriptor and outlives this.
        ~Doorbell() { ready_.release(); }
        Doorbell(const Doorbell&) = delete;

        void arm() {
            if (armed_) return;
            // Asio registers the descriptor again for each wait, so it also sees earlier readiness.
            armed_ = true;
            ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this](const boost::system::error_code& error) {
                                  if (!error) armed_ = false;
                              });
        }
        bool armed() const noexcept { return armed_; }

    private:
        boost::asio::posix::stream_descriptor ready_;
        bool armed_ = false;
    };

    /// An engine for descriptors that the first engine cannot serve.
    struct Other {
        std::unique_ptr<Engine> engine;
        Doorbell doorbell;
    };

    Private(boost::asio::io_context& context, const Engine& engine)
        : guard(context.get_executor()), doorbell(context, engine), rest_timer(context) {}

    std::size_t drain_others() {
        std::size_t completions = 0;
        for (const auto& other : others) completions += other->engine->drain();
        return completions;
    }

    bool others_pending() const {
        return std::ranges::any_of(others, [](const auto& other) { return other->engine->pending(); });
    }

    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
    Doorbell doorbell;
    std::vector<std::unique_ptr<Other>> others;  // in order of preference
    std::vector<std::function<void()>> works;
    std::vector<std::function<void()>> works_running;  // kept for its memory
    std::atomic<std::thread::id> thread{};
    std::mutex calls_mutex;
    std::deque<std::function<void()>> calls;  ///< guarded by calls_mutex
    bool calls_posted = false;                ///< guarded by calls_mutex; run_calls() is posted
    AnswerWait answer_wait;
    ReadRest read_rest;
    boost::asio::steady_timer rest_timer;                           ///< set while ports rest
    const bool may_poll = std::thread::hardware_concurrency() > 1;  ///< with one CPU nobody else could make progress
};

Loop::Loop(std::unique_ptr<Engine> engine, NextEngine next)
    : engine_(std::move(engine)), next_(std::move(next)), private_(std::make_unique<Private>(context_, *engine_)) {}

Loop::~Loop() = default;

Result<Attachment> Loop::attach(int fd) {
    auto& others = private_->others;
    Attachment attachment;
    for (std::size_t i = 0;; ++i) {
        attachment.engine = i == 0 ? engine_.get() : others[i - 1]->engine.get();
        const auto slot = attachment.engine->attach(fd);
        if (slot) {
            attachment.slot = *slot;
            return attachment;
        }
        if (slot.error().failure != Failure::unsupported) return slot.error();
        attachment.refusals += fmt::format("{}{}", i == 0 ? "" : "; ", slot.error().message);
        if (i < others.size()) continue;
        auto next = next_ ? next_(attachment.engine->name()) : Result<std::unique_ptr<Engine>>{slot.error()};
        if (!next)
            return Error{Failure::unsupported, slot.error().errno_value, "engine", std::move(attachment.refusals)};
        const Engine& engine = **next;
        others.emplace_back(new Private::Other{std::move(*next), {context_, engine}});
    }
}

void Loop::run() {
    while (!context_.stopped()) turn(true);
    context_.restart();  // so that poll_once() still works during shutdown
}

void Loop::stop() { context_.stop(); }

void Loop::at_end_of_turn(std::function<void()> work) { private_->works.push_back(std::move(work)); }

void Loop::post_call(std::function<void()> work) {
    {
        const std::lock_guard lock(private_->calls_mutex);
        private_->calls.push_back(std::move(work));
        if (std::exchange(private_->calls_posted, true)) return;
    }
    post([this] { run_calls(); });
}

void Loop::run_calls() {
    const auto end = std::chrono::steady_clock::now() + handlers_time_max;
    for (int ran = 0; ran == 0 || (ran < calls_per_handler_max && std::chrono::steady_clock::now() < end); ++ran) {
        std::function<void()> call;
        {
            const std::lock_guard lock(private_->calls_mutex);
            if (private_->calls.empty()) {
                private_->calls_posted = false;
                return;
            }
            call = std::move(private_->calls.front());
            private_->calls.pop_front();
        }
        call();
    }
    post([this] { run_calls(); });  // after the handlers that were posted meanwhile
}

void Loop::expect_answer() {
    if (private_->may_poll) private_->answer_wait.begin(std::chrono::steady_clock::now());
}

void Loop::answer_arrived() { private_->answer_wait.answered(); }

bool Loop::count_small_read() { return private_->read_rest.many_reads(std::chrono::steady_clock::now()); }

bool Loop::rest(ReadRest::Port& port) {
    const bool ticks = private_->read_rest.is_ticking();
    if (!private_->read_rest.begin(port, std::chrono::steady_clock::now())) return false;
    if (!ticks) tick_rests();
    return true;
}

void Loop::tick_rests() {
    private_->rest_timer.expires_at(private_->read_rest.next_tick());
    private_->rest_timer.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        private_->read_rest.end_due(std::chrono::steady_clock::now());
        if (private_->read_rest.is_ticking()) tick_rests();
    });
}

bool Loop::in_loop_thread() const noexcept {
    return private_->thread.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

bool Loop::poll_once() { return turn(false); }

/// Runs what arrives while an answer is expected. Returns 0 if nothing came in time.
std::size_t Loop::poll_for_answer() {
    AnswerWait& wait = private_->answer_wait;
    std::size_t ran = 0;
    while (ran == 0 && wait.goes_on() && !context_.stopped()) {
        ran = engine_->drain() + private_->drain_others();
        if (ran == 0) ran = context_.poll_one();
        if (ran == 0) std::this_thread::yield();  // perhaps to the thread that will answer
    }
    wait.pause();
    return ran;
}

bool Loop::turn(bool may_sleep) {
    private_->thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
    std::size_t ran = 0;
    bool woken_by_engine = false;
    may_sleep = may_sleep && !engine_->pending() && private_->works.empty() && !private_->others_pending();
    if (may_sleep) ran = poll_for_answer();
    if (may_sleep && ran == 0) {
        private_->doorbell.arm();
        for (const auto& other : private_->others) other->doorbell.arm();
        ran = context_.run_one();
        woken_by_engine = !private_->doorbell.armed();
    }
    // Waiting bytes go first. Polling for other handlers costs a system call, so it is skipped if the engine woke the loop.
    const auto end = std::chrono::steady_clock::now() + handlers_time_max;
    for (int handlers = 0; !woken_by_engine && handlers < handlers_per_turn_max; ++handlers) {
        if (context_.poll_one() == 0) break;
        ++ran;
        if (std::chrono::steady_clock::now() >= end) break;
    }
    ran += engine_->drain() + private_->drain_others();
    private_->works_running.swap(private_->works);
    for (auto& work : private_->works_running) work();
    ran += private_->works_running.size();
    private_->works_running.clear();
    return ran > 0;
}

}  // namespace vserd::io
