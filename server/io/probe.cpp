#include "io/probe.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/fd.hpp"
#include "io/pty.hpp"

namespace vserd::io {
namespace {

using Clock = std::chrono::steady_clock;
/// A working engine needs microseconds. The kernel hands bytes from one end of a pty to the other in a worker thread of its own,
/// which on a busy machine has to wait for a processor, seconds at times.
constexpr std::chrono::milliseconds step_duration_max{5000};
constexpr std::string_view greeting = "vserd probe";

struct Ends {
    base::Fd served;  // what the engine gets
    base::Fd peer;
};

Result<Ends> open_ends() {
    if (auto pty = open_pty()) return Ends{std::move(pty->slave), std::move(pty->master)};
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return errno_error("socketpair");
    }
    return Ends{base::Fd{pair[0]}, base::Fd{pair[1]}};
}

/// One operation and the buffer that goes with it.
struct Attempt {
    Operation op;
    std::array<std::byte, 64> buffer{};
    std::optional<ssize_t> result;

    Attempt(OperationKind kind, Slot slot) {
        std::memcpy(buffer.data(), greeting.data(), greeting.size());
        op.kind = kind;
        op.slot = slot;
        op.data = buffer.data();
        op.size = kind == OperationKind::read ? buffer.size() : greeting.size();
        op.owner = this;
        op.complete = [](Operation& done, ssize_t outcome) noexcept {
            static_cast<Attempt*>(done.owner)->result = outcome;
        };
    }
};

Error failed(const Engine& engine, std::string_view step, std::optional<ssize_t> result) {
    const int errno_value = result && *result < 0 ? static_cast<int>(-*result) : 0;
    std::string outcome = "timed out";
    if (result) {
        outcome = errno_value != 0 ? fmt::format("failed with {}", errno_name(errno_value))
                                   : fmt::format("moved {} bytes", *result);
    }
    return Error{
        Failure::unsupported, errno_value, std::string{engine.name()},
        fmt::format("{}: probe on a pty: {} {}; use another engine or another kernel", engine.name(), step, outcome)};
}

void run_until_done(Engine& engine, const Attempt& attempt) {
    const auto deadline = Clock::now() + step_duration_max;
    for (engine.drain(); !attempt.result && Clock::now() < deadline; engine.drain()) {
        if (engine.pending()) continue;
        pollfd wait{.fd = engine.wait_fd(), .events = POLLIN, .revents = 0};
        ::poll(&wait, 1, static_cast<int>(step_duration_max.count()));
    }
}

Result<void> probe_read(Engine& engine, Attempt& read, int peer) {
    engine.start(read.op);
    engine.drain();
    if (read.result) return failed(engine, "read without input", read.result);
    const bool sent = ::write(peer, greeting.data(), greeting.size()) == static_cast<ssize_t>(greeting.size());
    if (!sent) return errno_error("write to a pty");
    run_until_done(engine, read);
    const bool arrived = read.result == static_cast<ssize_t>(greeting.size()) &&
                         std::memcmp(read.buffer.data(), greeting.data(), greeting.size()) == 0;
    if (!arrived) return failed(engine, "read", read.result);
    return {};
}

Result<void> probe_write(Engine& engine, Attempt& write, int peer) {
    engine.start(write.op);
    run_until_done(engine, write);
    if (write.result != static_cast<ssize_t>(greeting.size())) return failed(engine, "write", write.result);
    pollfd arrival{.fd = peer, .events = POLLIN, .revents = 0};
    ::poll(&arrival, 1, static_cast<int>(step_duration_max.count()));
    std::array<char, greeting.size()> echo{};
    const ssize_t got = ::read(peer, echo.data(), echo.size());
    if (got != static_cast<ssize_t>(echo.size())) return failed(engine, "reading back the written bytes", got);
    return {};
}

Result<void> probe_cancel(Engine& engine, Attempt& read) {
    engine.start(read.op);
    engine.drain();
    engine.cancel(read.op);
    run_until_done(engine, read);
    if (read.result != -ECANCELED) return failed(engine, "canceled read", read.result);
    return {};
}

Result<void> probe_hang_up(Engine& engine, Attempt& read, base::Fd& peer) {
    engine.start(read.op);
    engine.drain();
    peer.reset();
    run_until_done(engine, read);
    if (read.result != 0) return failed(engine, "read after hang-up", read.result);
    return {};
}

}  // namespace

Result<void> probe_engine(Engine& engine) {
    auto ends = open_ends();
    if (!ends) return ends.error();
    const auto slot = engine.attach(ends->served.get());
    if (!slot) return slot.error();

    // They outlive all steps, because the engine keeps an operation that does not complete.
    Attempt read{OperationKind::read, *slot};
    Attempt write{OperationKind::write, *slot};
    Attempt canceled{OperationKind::read, *slot};
    Attempt last{OperationKind::read, *slot};
    auto outcome = probe_read(engine, read, ends->peer.get());
    if (outcome) outcome = probe_write(engine, write, ends->peer.get());
    if (outcome) outcome = probe_cancel(engine, canceled);
    if (outcome) outcome = probe_hang_up(engine, last, ends->peer);
    if (outcome) engine.detach(*slot);
    return outcome;
}

}  // namespace vserd::io
