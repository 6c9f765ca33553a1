#include "io/loop.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <thread>
#include <vector>

namespace vserd::io {
namespace {

/// Handlers run before the engine gets its turn again, however many are waiting.
constexpr int handlers_per_turn_max = 64;

}  // namespace

struct Loop::Private {
    explicit Private(boost::asio::io_context& context) : guard(context.get_executor()), engine_ready(context) {}
    // The engine owns the descriptor and outlives this.
    ~Private() { engine_ready.release(); }
    Private(const Private&) = delete;
    Private& operator=(const Private&) = delete;

    void await_engine() {
        if (awaiting_engine) return;
        // Asio asks the kernel anew at each wait, so readiness from before this line is not missed.
        awaiting_engine = true;
        engine_ready.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                [this](const boost::system::error_code& error) {
                                    if (!error) awaiting_engine = false;
                                });
    }

    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
    boost::asio::posix::stream_descriptor engine_ready;
    bool awaiting_engine = false;
    std::vector<std::function<void()>> works;
    std::vector<std::function<void()>> works_running;  // kept for its memory
    std::atomic<std::thread::id> thread{};
};

Loop::Loop(std::unique_ptr<Engine> engine) : engine_(std::move(engine)), private_(std::make_unique<Private>(context_)) {
    private_->engine_ready.assign(engine_->wait_fd());
}

Loop::~Loop() = default;

void Loop::run() {
    while (!context_.stopped()) turn(true);
    context_.restart();  // so that whoever tears down can still poll_once()
}

void Loop::stop() { context_.stop(); }

void Loop::at_end_of_turn(std::function<void()> work) { private_->works.push_back(std::move(work)); }

bool Loop::in_loop_thread() const noexcept {
    return private_->thread.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

bool Loop::poll_once() { return turn(false); }

bool Loop::turn(bool may_sleep) {
    private_->thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
    std::size_t ran = 0;
    bool woken_by_engine = false;
    if (may_sleep && !engine_->pending() && private_->works.empty()) {
        private_->await_engine();
        ran += context_.run_one();
        woken_by_engine = !private_->awaiting_engine;
    }
    // Bytes that wait go first; other handlers are looked for, at the price of a system call, when they woke the loop.
    for (int handlers = 0; !woken_by_engine && handlers < handlers_per_turn_max; ++handlers) {
        if (context_.poll_one() == 0) break;
        ++ran;
    }
    ran += engine_->drain();
    private_->works_running.swap(private_->works);
    for (auto& work : private_->works_running) work();
    ran += private_->works_running.size();
    private_->works_running.clear();
    return ran > 0;
}

}  // namespace vserd::io
