// What each engine costs by itself: a process that reads many pseudo terminals, or vser ports, through a Loop, and another that
// plays the devices. One JSON line per run; `./dev bench engines` makes a table of them.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "io/engine_select.hpp"
#include "io/loop.hpp"
#include "io/pty.hpp"

namespace vserd::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

/// 115200 baud: so many bytes each 10 ms.
constexpr std::size_t piece_bytes = 115;
constexpr int piece_interval_ms = 10;
constexpr std::chrono::milliseconds warm_up{300};

struct Load {
    const char* name;
    std::size_t ports;
    bool pours;  // as fast as the ports take it, or 115200 baud on each
};
constexpr std::array loads{Load{"trickle", 1, false}, Load{"trickle", 64, false}, Load{"trickle", 1000, false},
                           Load{"pour", 1, true}, Load{"pour", 64, true}};

struct Outcome {
    bool served = false;
    std::uint64_t bytes = 0;
    double cpu_ns_per_byte = 0;
    double p50_us = 0;
    double p99_us = 0;
};

/// The two ends of a null modem between ports 2n and 2n + 1 of vser (topology=pair).
Result<io::Pty> open_vser_pair(std::size_t n) {
    const auto open_port = [](std::size_t port) {
        return base::Fd{
            ::open(("/dev/vser" + std::to_string(port)).c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    };
    io::Pty pair{open_port(2 * n), open_port(2 * n + 1), {}};
    if (!pair.master || !pair.slave) return errno_error("vser pair " + std::to_string(n));
    return pair;
}

nanoseconds cpu_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);  // with the threads of the C library's AIO
    return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

/// Reads the ports from `begin` to `end` and notes how old the pieces are, each of which starts with its time.
class Server {
public:
    Server(std::unique_ptr<io::Engine> engine, std::vector<io::Pty>& ptys, const Load& load, Clock::time_point begin,
           Clock::time_point end)
        : loop_(std::move(engine)), load_(load), timer_(loop_.context()) {
        for (io::Pty& pty : ptys) {
            pty.master.reset();
            auto& port = *ports_.emplace_back(std::make_unique<Port>());
            port.op = {io::OperationKind::read, loop_.engine().attach(pty.slave.get()).value(), port.buffer.data(),
                       port.buffer.size()};
            port.op.owner = this;
            port.op.complete = [](io::Operation& op, ssize_t result) noexcept {
                static_cast<Server*>(op.owner)->received(op, result);
            };
            loop_.engine().start(port.op);
        }
        timer_.expires_at(begin);
        timer_.async_wait([this, end](const auto&) {
            outcome_.bytes = 0;
            cpu_before_ = cpu_time();
            ages_.clear();
            timer_.expires_at(end);
            timer_.async_wait([this](const auto&) { loop_.stop(); });
        });
    }

    Outcome run() {
        loop_.run();
        outcome_.served = true;
        const auto cpu = static_cast<double>((cpu_time() - cpu_before_).count());
        outcome_.cpu_ns_per_byte = cpu / static_cast<double>(std::max<std::uint64_t>(outcome_.bytes, 1));
        if (ages_.empty()) return outcome_;
        std::ranges::sort(ages_);
        outcome_.p50_us = ages_[ages_.size() / 2];
        outcome_.p99_us = ages_[ages_.size() * 99 / 100];
        return outcome_;
    }

private:
    struct Port {
        io::Operation op;
        std::array<std::byte, io::read_gather_bytes_max> buffer;
    };

    void received(io::Operation& op, ssize_t result) noexcept {
        if (result <= 0) return;
        const auto size = static_cast<std::size_t>(result);
        outcome_.bytes += size;
        if (!load_.pours && size == piece_bytes) {
            std::int64_t sent = 0;
            std::memcpy(&sent, op.data, sizeof sent);
            ages_.push_back(static_cast<double>(Clock::now().time_since_epoch().count() - sent) / 1e3);
        }
        loop_.engine().start(op);
    }

    io::Loop loop_;
    const Load& load_;
    std::vector<std::unique_ptr<Port>> ports_;
    boost::asio::steady_timer timer_;
    Outcome outcome_;
    nanoseconds cpu_before_{};
    std::vector<double> ages_;
};

/// Each port gets its piece once in an interval, the ports spread over that time.
void trickle(std::vector<io::Pty>& ptys, std::chrono::milliseconds interval, Clock::time_point end) {
    std::array<char, piece_bytes> piece{};
    const auto step = nanoseconds{interval} / static_cast<long>(ptys.size());
    auto due = Clock::now();
    for (std::size_t at = 0; due < end; at = (at + 1) % ptys.size(), due += step) {
        const auto since = due.time_since_epoch();
        const timespec until{std::chrono::duration_cast<std::chrono::seconds>(since).count(),
                             (since % std::chrono::seconds{1}).count()};
        while (Clock::now() < due && ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
        }
        const std::int64_t now = Clock::now().time_since_epoch().count();
        std::memcpy(piece.data(), &now, sizeof now);
        [[maybe_unused]] const ssize_t put = ::write(ptys[at].master.get(), piece.data(), piece.size());
    }
}

void pour(std::vector<io::Pty>& ptys, Clock::time_point end) {
    const std::string bytes(4096, 'x');
    std::vector<pollfd> room;
    for (const io::Pty& pty : ptys) room.push_back({.fd = pty.master.get(), .events = POLLOUT, .revents = 0});
    while (Clock::now() < end && ::poll(room.data(), room.size(), 100) >= 0) {
        for (const pollfd& one : room) {
            if (one.revents == 0) continue;
            [[maybe_unused]] const ssize_t put = ::write(one.fd, bytes.data(), bytes.size());
        }
    }
}

struct Options {
    int rounds = 5;
    double seconds = 1;
    int interval_ms = piece_interval_ms;
    std::size_t vser_pairs = 0;
};

/// In a process of its own: what an engine leaves behind must not be the next one's.
Outcome measure(const Load& load, const std::string& engine, const Options& options) {
    std::vector<io::Pty> ptys;
    for (std::size_t i = 0; i < load.ports; ++i)
        ptys.push_back((options.vser_pairs > 0 ? open_vser_pair(i) : io::open_pty()).value());
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return {};
    const auto begin = Clock::now() + warm_up;
    const auto end = begin + std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>{options.seconds});
    const pid_t server = ::fork();
    if (server == 0) {
        Outcome outcome;
        if (auto choice = io::select_engine(engine)) {
            outcome = Server(std::move(choice->engine), ptys, load, begin, end).run();
        } else {
            std::fprintf(stderr, "%s\n", choice.error().message.c_str());
        }
        const bool told = ::write(ends[1], &outcome, sizeof outcome) == sizeof outcome;
        ::_exit(told ? 0 : 1);
    }
    load.pours ? pour(ptys, end) : trickle(ptys, std::chrono::milliseconds{options.interval_ms}, end);
    Outcome outcome;
    if (::read(ends[0], &outcome, sizeof outcome) != sizeof outcome) outcome = {};
    ::waitpid(server, nullptr, 0);
    ::close(ends[0]);
    ::close(ends[1]);
    return outcome;
}

void print(const Load& load, const std::string& engine, int round, const Outcome& outcome) {
    std::printf(
        "{\"load\": \"%s\", \"ports\": %zu, \"engine\": \"%s\", \"round\": %d, \"bytes\": %llu, \"cpu_ns_per_byte\": "
        "%.3f, "
        "\"p50_us\": %.2f, \"p99_us\": %.2f}\n",
        load.name, load.ports, engine.c_str(), round, static_cast<unsigned long long>(outcome.bytes),
        outcome.cpu_ns_per_byte, outcome.p50_us, outcome.p99_us);
    std::fflush(stdout);
}

}  // namespace
}  // namespace vserd::bench

int main(int argc, char** argv) {
    using namespace vserd;
    bench::Options options;
    CLI::App app{"Measures every engine on pseudo terminals"};
    app.add_option("--rounds", options.rounds, "Interleaved rounds");
    app.add_option("--seconds", options.seconds, "How long each run measures");
    app.add_option("--interval-ms", options.interval_ms,
                   "Between two pieces of a port that trickles; 10 is 115200 baud");
    app.add_option("--vser-pairs", options.vser_pairs, "On so many pairs of vser ports instead, which are the most");
    CLI11_PARSE(app, argc, argv);

    std::signal(SIGPIPE, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    for (int round = 0; round < options.rounds; ++round) {
        for (bench::Load load : bench::loads) {
            if (options.vser_pairs > 0) load.ports = std::min(load.ports, options.vser_pairs);
            for (const std::string_view engine : io::engine_names()) {
                const std::string name{engine};
                const auto outcome = bench::measure(load, name, options);
                if (outcome.served) bench::print(load, name, round, outcome);
            }
        }
    }
    return 0;
}
