#include "contract/engine_rig.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "io/aio_engine.hpp"
#include "io/epoll_engine.hpp"
#include "io/sigio_engine.hpp"
#include "io/uring_engine.hpp"
#include "support/engines.hpp"

namespace vserd::test {
namespace {

using Clock = std::chrono::steady_clock;

void check(int outcome, const char* what) {
    if (outcome < 0) throw std::system_error(errno, std::generic_category(), what);
}

Link two_way(base::Fd served, base::Fd peer) {
    Link link;
    link.in = link.out = served.get();
    link.peer_in = link.peer_out = peer.get();
    link.owned.push_back(std::move(served));
    link.owned.push_back(std::move(peer));
    return link;
}

Link open_tty() {
    auto pty = open_pty();
    return two_way(std::move(pty.slave), std::move(pty.master));
}

Link open_master() {
    auto pty = open_pty();
    return two_way(std::move(pty.master), std::move(pty.slave));
}

Link open_socket() {
    std::array<int, 2> pair{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), "socketpair");
    return two_way(base::Fd{pair[0]}, base::Fd{pair[1]});
}

Link open_pipes() {
    std::array<int, 2> inward{};
    std::array<int, 2> outward{};
    check(::pipe2(inward.data(), O_NONBLOCK | O_CLOEXEC), "pipe2");
    check(::pipe2(outward.data(), O_NONBLOCK | O_CLOEXEC), "pipe2");
    Link link{{}, inward[0], outward[1], inward[1], outward[0]};
    for (const int fd : {inward[0], inward[1], outward[0], outward[1]}) link.owned.emplace_back(fd);
    return link;
}

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int slower = 10;
#else
constexpr int slower = 1;
#endif

/// Tells whether a drain() held the io thread for more than 5 ms. A thread that others kept from the processor is not to
/// blame: it has slept only where it gave the processor up itself.
class DrainWatch {
public:
    bool took_too_long() const {
        const bool slept = switches() > switches_before_ && Clock::now() - began_ > limit;
        return slept || busy() - busy_before_ > limit * slower;
    }

private:
    static constexpr std::chrono::nanoseconds limit = std::chrono::milliseconds{5};

    static long switches() {
        rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        return usage.ru_nvcsw;
    }
    static std::chrono::nanoseconds busy() {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
    }

    long switches_before_ = switches();
    std::chrono::nanoseconds busy_before_ = busy();
    Clock::time_point began_ = Clock::now();
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const EngineKind& kind) { return out << kind.name; }
std::ostream& operator<<(std::ostream& out, const LinkKind& kind) { return out << kind.name; }

std::vector<EngineKind> engine_kinds() {
    return {{"io_uring", [] { return io::UringEngine::create(); }},
            {"io_uring_tiny", [] { return io::UringEngine::create({.submissions = 2, .completions = 4}); }},
            {"sigio", [] { return io::SigioEngine::create(); }},
            {"epoll", [] { return io::EpollEngine::create(); }},
            {"aio", [] { return io::AioEngine::create(); }}};
}

std::vector<LinkKind> link_kinds() {
    return {{"tty", open_tty}, {"master", open_master}, {"socket", open_socket}, {"pipes", open_pipes}};
}

void Link::close_peer() {
    for (base::Fd& fd : owned) {
        if (fd.get() == peer_in || fd.get() == peer_out) fd.reset();
    }
    peer_in = peer_out = -1;
}

void Link::close_served() {
    for (base::Fd& fd : owned) {
        if (fd.get() == in || fd.get() == out) fd.reset();
    }
    in = out = -1;
}

ScopedLimit::ScopedLimit(int resource, rlim_t limit) : resource_(resource) {
    check(::prlimit(0, static_cast<__rlimit_resource>(resource), nullptr, &before_), "prlimit");
    const rlimit lower{limit, before_.rlim_max};
    check(::prlimit(0, static_cast<__rlimit_resource>(resource), &lower, nullptr), "prlimit");
}

ScopedLimit::~ScopedLimit() { ::prlimit(0, static_cast<__rlimit_resource>(resource_), &before_, nullptr); }

// A pty's locks are shared with its peer, who may be kept from the processor with them in its hand. That happens now and
// then, and on a busy machine more often; an engine that blocks does so whenever there is nothing to do.
// In an emulated machine (VSERD_EMULATED is set) nothing can be said of milliseconds.
Rig::~Rig() {
    if (std::getenv("VSERD_EMULATED") != nullptr) return;
    EXPECT_LE(drains_too_long_, 10 + drains_ / 4) << "of " << drains_ << ": drain() takes more than 5 ms";
}

io::Slot Rig::attach(int fd) {
    const auto slot = engine_->attach(fd);
    if (!slot) throw std::runtime_error(slot.error().message);
    return *slot;
}

std::size_t Rig::drain() {
    const DrainWatch watch;
    draining_ = true;
    const std::size_t completions = engine_->drain();
    draining_ = false;
    ++drains_;
    if (watch.took_too_long()) ++drains_too_long_;
    return completions;
}

bool Rig::run_until(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    for (drain(); !condition(); drain()) {
        if (Clock::now() > deadline) return false;
        if (!engine_->pending()) wait_for(engine_->wait_fd(), POLLIN, timeout);
    }
    return true;
}

bool Rig::works_behind_our_back() const {
    const auto* const aio = dynamic_cast<const io::AioEngine*>(engine_.get());
    return aio != nullptr && aio->requests_under_way() > 0;
}

void Rig::settle() {
    const auto announced = [&] {
        const auto timeout = works_behind_our_back() ? patience : std::chrono::seconds{0};
        return wait_for(engine_->wait_fd(), POLLIN, timeout);
    };
    do {
        drain();
    } while (engine_->pending() || announced());
}

Op::Op(Rig& rig, io::OperationKind kind, io::Slot slot, std::size_t size) : buffer(size), rig_(rig) {
    raw.kind = kind;
    raw.slot = slot;
    raw.data = buffer.data();
    raw.size = size;
    raw.owner = this;
    raw.complete = [](io::Operation& done, ssize_t outcome) noexcept {
        Op& op = *static_cast<Op*>(done.owner);
        EXPECT_TRUE(op.rig_.draining()) << "completed outside drain()";
        op.result = outcome;
        ++op.completions;
        if (op.then) op.then(op);
    };
}

void Op::start() {
    result.reset();
    rig_.engine().start(raw);
}

std::string Op::text() const {
    const auto size = static_cast<std::size_t>(std::max<ssize_t>(result.value_or(0), 0));
    return {reinterpret_cast<const char*>(buffer.data()), size};
}

Receiver::Receiver(Rig& rig, io::Slot slot, std::size_t wanted, std::size_t chunk)
    : wanted_(wanted), op_(rig, io::OperationKind::read, slot, chunk) {
    op_.then = [this](Op& op) {
        if (*op.result <= 0) {
            failure = *op.result;
            return;
        }
        received += op.text();
        if (!done()) op.start();
    };
    op_.start();
}

Sender::Sender(Rig& rig, io::Slot slot, std::string bytes) : rig_(rig), bytes_(std::move(bytes)) {
    op_.kind = io::OperationKind::write;
    op_.slot = slot;
    op_.owner = this;
    op_.complete = [](io::Operation& done, ssize_t outcome) noexcept {
        Sender& sender = *static_cast<Sender*>(done.owner);
        EXPECT_TRUE(sender.rig_.draining()) << "completed outside drain()";
        ++sender.writes;
        if (outcome <= 0) {
            sender.failure = outcome;
            return;
        }
        sender.sent_ += static_cast<std::size_t>(outcome);
        if (!sender.done()) sender.go_on();
    };
    go_on();
}

void Sender::go_on() {
    op_.data = reinterpret_cast<std::byte*>(bytes_.data()) + sent_;
    op_.size = bytes_.size() - sent_;
    rig_.engine().start(op_);
}

void EngineTest::SetUp() {
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    const auto& [engine_kind, link_kind] = GetParam();
    auto engine = engine_kind.create();
    if (!engine) {
        ASSERT_FALSE(system_grants(engine_kind.name)) << engine.error().message;
        GTEST_SKIP() << engine.error().message;
    }
    rig_ = std::make_unique<Rig>(std::move(*engine));
    link_ = link_kind.open();
}

std::string case_name(const testing::TestParamInfo<std::tuple<EngineKind, LinkKind>>& info) {
    return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
}

}  // namespace vserd::test
