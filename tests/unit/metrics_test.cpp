#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "hub/hub.hpp"
#include "io/engine_select.hpp"
#include "io/loop.hpp"
#include "metrics/exporter.hpp"
#include "metrics/process_stats.hpp"
#include "support/settings.hpp"

namespace vserd::metrics {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto deadline = 10s;

int connect_to(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

/// What the exporter answers until it closes the connection; empty if nobody answered.
std::string ask_on(int fd, const std::string& request) {
    std::string answer;
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
        char buffer[4096];
        ssize_t got = 0;
        // The io_uring of this thread's loop interrupts system calls, and those with a time limit are not restarted.
        while ((got = ::recv(fd, buffer, sizeof buffer, 0)) > 0 || (got < 0 && errno == EINTR)) {
            if (got > 0) answer.append(buffer, static_cast<std::size_t>(got));
        }
    }
    ::close(fd);
    return answer;
}

std::string ask(int port, const std::string& request) {
    const int fd = connect_to(port);
    return fd < 0 ? std::string() : ask_on(fd, request);
}

/// The whole answer to a GET, head included; empty if nobody answered.
std::string get(int port, const std::string& path) {
    return ask(port, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

/// A hub on a loop that the test drives by hand, and an exporter reading it.
class Metrics : public testing::Test {
protected:
    void SetUp() override {
        auto choice = io::select_engine("auto");
        ASSERT_TRUE(choice) << choice.error().message;
        loop_ = std::make_unique<io::Loop>(std::move(choice->engine));
        hub_ = std::make_unique<hub::Hub>(*loop_);
        hub::HubConfig config;
        config.ports.push_back({"echo", "", "sim:echo", test::valid({9600, {}}), port::tx_queue_bytes_default});
        config.ports.push_back({"gone", "", "/dev/vserd-no-such-device", {}, port::tx_queue_bytes_default});
        hub_->apply(config);
    }

    void TearDown() override {
        exporter_.reset();
        bool down = false;
        hub_->shut_down(100ms, [&] { down = true; });
        EXPECT_TRUE(wait_until([&] { return down; }));
    }

    template <class Condition>
    bool wait_until(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            if (!loop_->poll_once()) std::this_thread::yield();
        }
        return true;
    }

    const port::PortStats& stats(const std::string& port) { return *hub_->find(port)->port().stats(); }

    void start(std::function<std::vector<RpcCount>()> rpc_counts = {}) {
        Sources sources{*hub_, "1.2.3", "epoll", {{"io_uring", "denied: \"EPERM\""}}, std::move(rpc_counts)};
        auto exporter = Exporter::start("127.0.0.1:0", std::move(sources));
        ASSERT_TRUE(exporter) << exporter.error().message;
        exporter_ = std::move(*exporter);
    }

    std::string scrape() { return get(exporter_->port(), "/metrics"); }

    std::unique_ptr<io::Loop> loop_;
    std::unique_ptr<hub::Hub> hub_;
    std::unique_ptr<Exporter> exporter_;
};

TEST_F(Metrics, ScrapeHoldsEveryFamilyOfTheContractWithItsType) {
    start();

    const std::string text = scrape();

    EXPECT_THAT(text, HasSubstr("HTTP/1.1 200 OK"));
    for (const char* name : {"vserd_port_rx_bytes_total", "vserd_port_tx_bytes_total", "vserd_port_gap_bytes_total",
                             "vserd_port_reopens_total", "vserd_port_io_errors_total", "vserd_port_line_errors_total",
                             "vserd_rpc_total", "process_cpu_seconds_total"}) {
        EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(name) + " counter\n"));
        EXPECT_THAT(text, HasSubstr("# HELP " + std::string(name) + " "));
    }
    for (const char* name : {"vserd_port_up", "vserd_port_baud", "vserd_port_readers", "vserd_port_tx_queue_bytes",
                             "vserd_port_held_by_flow_control", "vserd_port_foreign_readers", "vserd_engine_info",
                             "vserd_engine_refused_info", "vserd_build_info", "vserd_workers_hung",
                             "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds",
                             "process_max_fds", "process_start_time_seconds", "process_threads"}) {
        EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(name) + " gauge\n"));
        EXPECT_THAT(text, HasSubstr("# HELP " + std::string(name) + " "));
    }
    EXPECT_THAT(text, HasSubstr("# TYPE vserd_delivery_seconds histogram\n"));
}

TEST_F(Metrics, PortsAreToldByNameWithWhatTheyDo) {
    ASSERT_TRUE(wait_until([&] { return stats("echo").up.load() && stats("gone").open_errors.load() > 0; }));
    const std::string sent = "0123456789";
    hub_->find("echo")->port().transmit(std::as_bytes(std::span(sent)));
    ASSERT_TRUE(wait_until([&] { return stats("echo").rx_bytes.load() == sent.size(); }));
    start();

    const std::string text = scrape();

    EXPECT_THAT(text, HasSubstr("vserd_port_up{port=\"echo\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("vserd_port_up{port=\"gone\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("vserd_port_rx_bytes_total{port=\"echo\"} 10\n"));
    EXPECT_THAT(text, HasSubstr("vserd_port_tx_bytes_total{port=\"echo\"} 10\n"));
    EXPECT_THAT(text, HasSubstr("vserd_port_baud{port=\"echo\"} 9600\n"));
    EXPECT_THAT(text, HasSubstr("vserd_port_readers{port=\"echo\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("vserd_port_tx_queue_bytes{port=\"echo\"} 0\n"));
    EXPECT_THAT(text, Not(HasSubstr("vserd_port_io_errors_total{port=\"gone\",op=\"open\"} 0\n")));
    for (const char* op : {"open", "read", "write"}) {
        EXPECT_THAT(text, HasSubstr("vserd_port_io_errors_total{port=\"echo\",op=\"" + std::string(op) + "\"} 0\n"));
    }
    for (const char* kind : {"frame", "parity", "overrun", "break"}) {
        EXPECT_THAT(text,
                    HasSubstr("vserd_port_line_errors_total{port=\"echo\",kind=\"" + std::string(kind) + "\"} 0\n"));
    }
}

TEST_F(Metrics, PortsThatAReloadRemovedAreNotToldAnyMore) {
    start();
    ASSERT_THAT(scrape(), HasSubstr("port=\"gone\""));
    hub::HubConfig config;
    config.ports.push_back({"echo", "", "sim:echo", test::valid({9600, {}}), port::tx_queue_bytes_default});

    hub_->apply(config);
    ASSERT_TRUE(wait_until([&] { return hub_->stats()->size() == 1; }));

    const std::string text = scrape();
    EXPECT_THAT(text, Not(HasSubstr("port=\"gone\"")));
    EXPECT_THAT(text, HasSubstr("{port=\"echo\"}"));
}

TEST_F(Metrics, EngineVersionAndCallsAreTold) {
    start([] {
        return std::vector<RpcCount>{{"vser.v1.ConsoleService/Attach", "OK", 3},
                                     {"vser.v1.ConsoleService/Attach", "NOT_FOUND", 1}};
    });

    const std::string text = scrape();

    EXPECT_THAT(text, HasSubstr("vserd_build_info{version=\"1.2.3\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("vserd_engine_info{engine=\"epoll\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("vserd_engine_refused_info{engine=\"io_uring\",reason=\"denied: \\\"EPERM\\\"\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("vserd_rpc_total{method=\"vser.v1.ConsoleService/Attach\",code=\"OK\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("vserd_rpc_total{method=\"vser.v1.ConsoleService/Attach\",code=\"NOT_FOUND\"} 1\n"));
}

TEST_F(Metrics, DeliveryBucketsAreCumulativeAndIncludeTheirBound) {
    hub_->delivery().observe(10us);
    hub_->delivery().observe(11us);
    hub_->delivery().observe(11s);
    start();

    const std::string text = scrape();

    EXPECT_THAT(text, HasSubstr("vserd_delivery_seconds_bucket{le=\"1e-05\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("vserd_delivery_seconds_bucket{le=\"10\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("vserd_delivery_seconds_bucket{le=\"+Inf\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("vserd_delivery_seconds_count 3\n"));
    EXPECT_THAT(text, HasSubstr("vserd_delivery_seconds_sum 11.000021"));
}

TEST_F(Metrics, OtherPathsAreNotFound) {
    start();

    EXPECT_THAT(get(exporter_->port(), "/"), HasSubstr("HTTP/1.1 404"));
    EXPECT_THAT(get(exporter_->port(), "/../../etc/passwd"), Not(HasSubstr("root:")));
}

TEST_F(Metrics, HeadOfMetricsHasTheLengthAndNoBody) {
    start();

    const std::string answer = ask(exporter_->port(), "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: "));
    EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST_F(Metrics, OtherMethodsAreNotAllowed) {
    start();

    const std::string answer =
        ask(exporter_->port(), "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");

    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 405"));
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD"));
}

TEST_F(Metrics, NonsenseAndHeadsWithoutEndAreRefused) {
    start();

    EXPECT_THAT(ask(exporter_->port(), "nonsense\r\n\r\n"), HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(ask(exporter_->port(), "GET /metrics HTTP/1.1\r\nX: " + std::string(10'000, 'x')),
                HasSubstr("HTTP/1.1 431"));
}

TEST_F(Metrics, OneConnectionTakesManyRequests) {
    start();
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

    const std::string answers =
        ask(exporter_->port(), request + "GET /metrics?name=x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    const std::size_t first = answers.find("HTTP/1.1 200 OK");
    ASSERT_NE(first, std::string::npos);
    EXPECT_NE(answers.find("HTTP/1.1 200 OK", first + 1), std::string::npos);
}

TEST_F(Metrics, PeersThatSayNothingDoNotDelayAScrape) {
    start();
    std::vector<int> silent;
    for (int i = 0; i < 40; ++i) silent.push_back(connect_to(exporter_->port()));
    const auto begin = std::chrono::steady_clock::now();

    const std::string text = scrape();

    EXPECT_THAT(text, HasSubstr("vserd_build_info"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    for (const int fd : silent) ::close(fd);
}

TEST_F(Metrics, BeyondTheLimitTheConnectionThatWaitedLongestGoes) {
    start();
    const int oldest = connect_to(exporter_->port());
    std::vector<int> others;
    for (int i = 0; i < 32; ++i) others.push_back(connect_to(exporter_->port()));

    char byte = 0;
    ssize_t got = 0;
    while ((got = ::recv(oldest, &byte, 1, 0)) < 0 && errno == EINTR) continue;

    EXPECT_EQ(got, 0);
    EXPECT_THAT(scrape(), HasSubstr("vserd_refused_total{via=\"metrics\",reason=\"connections_max\"} 2\n"));
    ::close(oldest);
    for (const int fd : others) ::close(fd);
}

TEST_F(Metrics, APeerThatTakesNoAnswerDoesNotDelayAScrape) {
    start();
    std::vector<int> slow;
    for (int i = 0; i < 31; ++i) {
        slow.push_back(connect_to(exporter_->port()));
        std::string requests;
        for (int each = 0; each < 200; ++each) requests += "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        static_cast<void>(::send(slow.back(), requests.data(), requests.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    }

    EXPECT_THAT(scrape(), HasSubstr("vserd_build_info"));

    for (const int fd : slow) ::close(fd);
}

TEST_F(Metrics, AddressInUseSaysSoAndWhatToDo) {
    start();
    const std::string address = "127.0.0.1:" + std::to_string(exporter_->port());

    const auto second = Exporter::start(address, {*hub_, "", "", {}, {}});

    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().failure, Failure::io);
    EXPECT_EQ(second.error().errno_value, EADDRINUSE);
    EXPECT_THAT(second.error().message, HasSubstr("cannot listen on " + address + ": Address already in use"));
    EXPECT_THAT(second.error().message, HasSubstr("vserd already listens there"));
}

TEST_F(Metrics, AddressesThatCannotBeBoundSayWhy) {
    EXPECT_THAT(Exporter::start("192.0.2.1:0", {*hub_, "", "", {}, {}}).error().message,
                AllOf(HasSubstr("no interface of this machine has that address"), HasSubstr("`metrics`")));
    EXPECT_THAT(Exporter::start("no.such.host.invalid:1", {*hub_, "", "", {}, {}}).error().message,
                HasSubstr("cannot listen on no.such.host.invalid:1"));
}

TEST_F(Metrics, AnIpv6AddressIsServed) {
    const auto exporter = Exporter::start("[::1]:0", {*hub_, "", "", {}, {}});
    if (!exporter) GTEST_SKIP() << exporter.error().message;

    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>((*exporter)->port()));
    address.sin6_addr = in6addr_loopback;
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);

    EXPECT_THAT(ask_on(fd, "GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr("vserd_build_info"));
}

TEST_F(Metrics, LocalhostIsServed) {
    const auto exporter = Exporter::start("localhost:0", {*hub_, "", "", {}, {}});

    ASSERT_TRUE(exporter) << exporter.error().message;
    EXPECT_THAT(get((*exporter)->port(), "/metrics"), HasSubstr("vserd_build_info"));
}

TEST_F(Metrics, EndsAtOnce) {
    start();
    const auto begin = std::chrono::steady_clock::now();

    exporter_.reset();

    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
}

TEST_F(Metrics, TheFleetIsThereOnlyWithAFleet) {
    start();
    EXPECT_THAT(scrape(), Not(HasSubstr("vserd_fleet")));

    Sources sources{*hub_, "1.2.3", "epoll", {}, {}};
    sources.fleet = [] {
        return FleetCounts{.up = true,
                           .ports = {{"owned", 47}, {"conflict", 1}},
                           .entries = {{"bridge", 3}},
                           .errors = {{"lease", 2}},
                           .id_taken = true,
                           .lease_losses = 4,
                           .entries_ignored = 5,
                           .relists = 6};
    };
    auto exporter = Exporter::start("127.0.0.1:0", std::move(sources));
    ASSERT_TRUE(exporter) << exporter.error().message;
    exporter_ = std::move(*exporter);

    EXPECT_THAT(
        scrape(),
        AllOf(HasSubstr("vserd_fleet_up 1\n"), HasSubstr("vserd_fleet_id_taken 1\n"),
              HasSubstr("vserd_fleet_ports{state=\"owned\"} 47\n"),
              HasSubstr("vserd_fleet_ports{state=\"conflict\"} 1\n"),
              HasSubstr("vserd_fleet_entries{kind=\"bridge\"} 3\n"),
              HasSubstr("vserd_fleet_errors_total{op=\"lease\"} 2\n"), HasSubstr("vserd_fleet_lease_losses_total 4\n"),
              HasSubstr("vserd_fleet_entries_ignored_total 5\n"), HasSubstr("vserd_fleet_relists_total 6\n")));
}

TEST_F(Metrics, PromtoolFindsNothingToMend) {
    // Where ./dev setup unpacks it, which leaves no service running.
    const std::string path = R"(PATH="$PATH:${VSERD_CACHE:-$HOME/.cache/vserd}/prometheus/usr/bin"; )";
    if (std::system((path + "command -v promtool >/dev/null 2>&1").c_str()) != 0)
        GTEST_SKIP() << "promtool is not there; ./dev setup fetches it";
    start();
    const std::string text = scrape();
    const std::string body = text.substr(text.find("\r\n\r\n") + 4);

    std::FILE* promtool = ::popen((path + "promtool check metrics 2>&1").c_str(), "w");
    ASSERT_NE(promtool, nullptr);
    std::fwrite(body.data(), 1, body.size(), promtool);

    EXPECT_EQ(::pclose(promtool), 0);
}

TEST(ProcessStats, ReadsTheFieldsBehindACommandThatLooksLikeFields) {
    const auto line =
        parse_stat("12 (a) R (b)) S 1 2 3 4 5 6 7 8 9 10 100 23 0 0 20 0 5 0 777 8192 3 18446744073709551615 1");

    ASSERT_TRUE(line);
    EXPECT_EQ(*line, (StatLine{123, 5, 777, 8192, 3}));
    EXPECT_FALSE(parse_stat(""));
    EXPECT_FALSE(parse_stat("12 (x) S 1 2"));
}

TEST(ProcessStats, DescribeThisProcess) {
    const int extra = ::dup(0);
    const ProcessStats with = read_process_stats();
    ::close(extra);
    const ProcessStats without = read_process_stats();
    const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();

    EXPECT_EQ(with.open_fds, without.open_fds + 1);
    EXPECT_GT(with.max_fds, with.open_fds);
    EXPECT_GT(with.resident_bytes, 100'000U);
    EXPECT_GT(with.virtual_bytes, with.resident_bytes);
    EXPECT_GE(with.threads, 1U);
    EXPECT_GT(with.start_time_seconds, now - 3600);
    EXPECT_LT(with.start_time_seconds, now + 2);
}

}  // namespace
}  // namespace vserd::metrics
