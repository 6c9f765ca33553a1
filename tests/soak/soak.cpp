#include "soak/soak.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <regex>
#include <sstream>
#include <thread>

namespace vserd::soak {

using namespace rpc_test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr unsigned pty_ports = 6;
constexpr unsigned echo_ports = 2;
constexpr unsigned guest_ports = 2;
constexpr unsigned visitors_count = 8;
constexpr milliseconds tick{50};
constexpr std::uint64_t away_ms_max = 700;
const char* const history = "[history]\nbytes_per_port = \"256KiB\"\n";
/// The C library's arenas and gRPC's caches are not the same from quiet to quiet.
constexpr std::size_t resident_growth_max = std::size_t{16} << 20;

double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

bool begins_with_word_at(const std::string& line, std::size_t field, const std::string& word) {
    std::istringstream words(line);
    std::string found;
    for (std::size_t i = 0; i <= field; ++i) words >> found;
    return found == word;
}

/// What each descriptor of a process is, in order.
std::vector<std::string> descriptors_of(const std::string& process) {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + process + "/fd")) {
        std::error_code closed_meanwhile;
        all.push_back(std::filesystem::read_symlink(entry, closed_meanwhile).string());
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::vector<std::string> more_than(const std::vector<std::string>& before, const std::vector<std::string>& now) {
    std::vector<std::string> difference;
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(difference));
    return difference;
}

}  // namespace

Soak::Soak(std::uint64_t seed, seconds duration)
    : random_(seed),
      duration_(duration),
      played_(make_ports()),
      daemon_(configuration()),
      world_(daemon_.address()),
      client_(daemon_.address()) {
    for (auto& played : played_) {
        world_.add(played.port);
        played.reader = std::make_unique<SteadyReader>(world_, played.port);
    }
    collector_ = std::make_unique<SteadyCollector>(world_);
}

Soak::~Soak() {
    world_.close_for_good();
    visitors_.clear();
}

Soak::Played Soak::make_pty(const std::string& name, const std::string& node, PortKind kind) {
    Played played;
    played.port = std::make_shared<Port>(name, (folder_.path() / node).string(), kind, random_());
    played.device = std::make_unique<PtyDevice>(*played.port, random_());
    played.device->plug();
    return played;
}

std::list<Soak::Played> Soak::make_ports() {
    std::list<Played> all;
    for (unsigned i = 0; i < pty_ports; ++i) {
        const std::string name = "pty" + std::to_string(i);
        all.push_back(make_pty(name, name, PortKind::pty));
    }
    for (unsigned i = 0; i < echo_ports; ++i) {
        const std::string name = "echo" + std::to_string(i);
        Played echo;
        echo.port = std::make_shared<Port>(name, "sim:echo?unpaced=1&id=" + name, PortKind::echo, 0);
        all.push_back(std::move(echo));
    }
    for (unsigned i = 0; i < guest_ports; ++i) {
        const std::string name = "guest" + std::to_string(i);
        all.push_back(make_pty(name, name + "." + std::to_string(guests_made_++), PortKind::guest));
    }
    return all;
}

std::string Soak::configuration() const {
    std::string text = history;
    for (const auto& played : played_) text += port_table(played.port->name, played.port->device);
    return text;
}

v1::Port Soak::ask(const Port& port) {
    Call call;
    v1::GetPortRequest request;
    v1::GetPortResponse response;
    request.set_port(port.name);
    const auto status = client_.ports->GetPort(&call, request, &response);
    EXPECT_TRUE(status.ok()) << port.name << ": " << status.error_message();
    return response.port();
}

void Soak::run() {
    for (const auto& played : played_) ASSERT_TRUE(played.port->wait_until_online()) << played.port->name;
    become_quiet();
    const std::string daemon = std::to_string(daemon_.process().pid());
    descriptors_ = {descriptors_of(daemon), descriptors_of("self")};
    for (unsigned i = 0; i < visitors_count; ++i) visitors_.push_back(std::make_unique<Visitor>(world_, random_()));
    play_until(started_ + std::min<Clock::duration>(duration_ / 3, seconds{30}));
    check_held();
    resident_ = daemon_.resident_bytes();
    play_until(started_ + duration_);
    check_held();
    std::printf(
        "\n%s\nquiet: %zu descriptors before, %zu after; %.1f MB resident when first quiet, %.1f MB at the end\n",
        tally().c_str(), descriptors_.daemon.size(), daemon_.descriptors(), megabytes(resident_),
        megabytes(daemon_.resident_bytes()));
    world_.close_for_good();
    check_ports();
    stop();
}

void Soak::play_until(Clock::time_point end) {
    set_quiet(false);
    world_.open_door();
    while (Clock::now() < end && !testing::Test::HasFailure()) {
        std::this_thread::sleep_for(tick);
        report();
        for (auto& played : played_) {
            if (played.port->kind != PortKind::pty) continue;
            if (!played.device->plugged()) {
                if (Clock::now() >= played.away_until) replug(played);
            } else if (dice(100) == 0) {
                unplug(played);
            }
        }
        if (dice(60) == 0) exchange_guest();
    }
    world_.close_door();
    replug_all();
    become_quiet();
}

/// In the middle of everything, or with nothing on the way to the host: then nothing may be lost.
void Soak::unplug(Played& played) {
    Port& port = *played.port;
    PtyDevice& device = *played.device;
    const bool gently = dice(2) == 0;
    device.set_quiet(gently);
    if (gently) {
        EXPECT_TRUE(eventually([&] { return port.delivered_to_all() == device.sent(); })) << port.name;
    }
    device.unplug();
    ++world_.tally.unplugs;
    const auto offset = port.wait_until_offline();
    ASSERT_TRUE(offset) << port.name << " did not notice that its device went away";
    EXPECT_LE(*offset, device.sent()) << port.name;
    if (gently) {
        EXPECT_EQ(*offset, device.sent()) << port.name;
    }
    device.rewind(*offset);
    played.away_until = Clock::now() + milliseconds(1 + dice(away_ms_max));
}

void Soak::replug(Played& played) {
    played.port->writes.lost_until(ask(*played.port).stats().tx_bytes());
    played.device->plug();
    EXPECT_TRUE(played.port->wait_until_online()) << played.port->name << " did not come back";
    played.device->set_quiet(false);
}

void Soak::replug_all() {
    for (auto& played : played_) {
        if (played.device && !played.device->plugged()) replug(played);
    }
}

/// Takes a guest out of the configuration and puts one with another device in its place, in one reload or in two.
void Soak::exchange_guest() {
    const auto guest = std::find_if(played_.begin(), played_.end(),
                                    [](const Played& played) { return played.port->kind == PortKind::guest; });
    Played old = std::move(*guest);
    played_.erase(guest);
    world_.remove(*old.port);
    if (dice(2) == 0) {
        daemon_.reload(configuration());
        old.reader->wait();
    }
    const std::string& name = old.port->name;
    // Behind the others: each guest gets its turn.
    Played& fresh = played_.emplace_back(make_pty(name, name + "." + std::to_string(guests_made_++), PortKind::guest));
    world_.add(fresh.port);
    daemon_.reload(configuration());
    ++world_.tally.reloads;
    EXPECT_EQ(refusal_of(old.reader->wait()).reason, "PORT_REMOVED") << name;
    EXPECT_TRUE(eventually([&] { return old.device->released(); })) << name << " was not closed";
    gone_.push_back(old.port);
    const auto there = [&] {
        Call call;
        v1::GetPortRequest request;
        v1::GetPortResponse response;
        request.set_port(name);
        return client_.ports->GetPort(&call, request, &response).ok() && response.port().device() == fresh.port->device;
    };
    ASSERT_TRUE(eventually(there)) << name << " was not added";
    fresh.reader = std::make_unique<SteadyReader>(world_, fresh.port);
}

void Soak::set_quiet(bool quiet) {
    for (auto& played : played_) {
        if (played.device) played.device->set_quiet(quiet);
    }
}

/// Until what was sent and what was accepted has arrived.
void Soak::become_quiet() {
    set_quiet(true);
    for (const auto& played : played_) {
        const Port& port = *played.port;
        EXPECT_TRUE(eventually([&] {
            const v1::Port asked = ask(port);
            return port.writes.next_offset() == asked.tx_offset() && port.delivered_to_all() == asked.next_offset() &&
                   (!played.device || played.device->sent() == asked.next_offset());
        })) << port.name
            << ": " << port.writes.next_offset() << " bytes arrived, " << port.delivered_to_all()
            << " were delivered, the device sent " << (played.device ? played.device->sent() : 0) << "; "
            << ask(port).ShortDebugString();
    }
}

/// Whether the daemon holds what it held before.
void Soak::check_held() {
    // The client library sometimes keeps a connection whose channel is gone; the daemon's end of that is not forgotten by it,
    // and is two descriptors: gRPC's, and the duplicate of Connections.
    const std::string daemon = std::to_string(daemon_.process().pid());
    const auto more = [&] {
        return static_cast<long>(descriptors_of(daemon).size()) - static_cast<long>(descriptors_.daemon.size());
    };
    const auto ours = [&] {
        return static_cast<long>(descriptors_of("self").size()) - static_cast<long>(descriptors_.ours.size());
    };
    EXPECT_TRUE(eventually([&] { return more() <= 2 * std::max(0L, ours()); }))
        << "the daemon holds " << more() << " descriptors more than before, and we hold " << ours()
        << "; new of its are " << testing::PrintToString(more_than(descriptors_.daemon, descriptors_of(daemon)))
        << ", of ours " << testing::PrintToString(more_than(descriptors_.ours, descriptors_of("self")));
    for (const auto& played : played_) {
        EXPECT_TRUE(eventually([&] { return ask(*played.port).readers() == 2; }))
            << played.port->name << " has " << ask(*played.port).readers() << " readers";
    }
    if (resident_ == 0 || !memory_tells()) return;
    EXPECT_TRUE(eventually([&] { return daemon_.resident_bytes() <= resident_ + resident_growth_max; }))
        << megabytes(daemon_.resident_bytes()) << " MB resident, " << megabytes(resident_) << " when first quiet";
}

void Soak::check_ports() {
    for (const auto& played : played_) {
        const testing::ScopedTrace trace(__FILE__, __LINE__, played.port->name);
        const v1::Port asked = ask(*played.port);
        EXPECT_EQ(asked.stats().tx_queue_bytes(), 0u);
        EXPECT_EQ(asked.stats().rx_bytes(), asked.next_offset());
        EXPECT_EQ(asked.stats().tx_bytes(), asked.tx_offset());
        EXPECT_GE(asked.stats().gap_bytes(), played.port->gap_bytes_told);
        played.port->writes.check(/*complete=*/true);
    }
    for (const auto& port : gone_) {
        const testing::ScopedTrace trace(__FILE__, __LINE__, port->device);
        port->writes.check(/*complete=*/false);
    }
}

void Soak::stop() {
    daemon_.process().signal(SIGTERM);
    for (const auto& played : played_) {
        EXPECT_EQ(refusal_of(played.reader->wait()).reason, "SERVER_GOING_DOWN") << played.port->name;
    }
    EXPECT_EQ(refusal_of(collector_->wait()).reason, "SERVER_GOING_DOWN");
    EXPECT_EQ(daemon_.process().wait(), 0) << daemon_.process().errors();
    check_log();
}

/// An unplug is worth one warning, as is a guest that a reload removes with its history; and nothing else was wrong.
void Soak::check_log() {
    constexpr std::size_t level_field = 2;
    std::istringstream lines(daemon_.process().errors());
    std::uint64_t unplugs = 0;
    for (std::string line; std::getline(lines, line);) {
        if (begins_with_word_at(line, level_field, "info")) continue;
        if (std::regex_search(
                line, std::regex(" warning port guest[0-9]+: removed; (discarded: |[0-9]+ bytes of history are kept)")))
            continue;
        const bool unplug = std::regex_search(
            line, std::regex(" warning port pty[0-9]+: offline: (the device hung up|reading |writing )"));
        EXPECT_TRUE(unplug) << "in the log: " << line;
        unplugs += unplug;
    }
    EXPECT_EQ(unplugs, world_.tally.unplugs) << "warnings of ports that went offline";
}

/// One line that is written over on a terminal, or a line now and then.
void Soak::report() {
    static const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    if (Clock::now() < next_report_) return;
    next_report_ = Clock::now() + (terminal ? seconds{1} : seconds{30});
    std::printf("%s%s; %zu descriptors, %.1f MB resident%s", terminal ? "\r\033[K" : "", tally().c_str(),
                daemon_.descriptors(), megabytes(daemon_.resident_bytes()), terminal ? "" : "\n");
    std::fflush(stdout);
}

std::string Soak::tally() const {
    const Tally& tally = world_.tally;
    std::ostringstream text;
    text << std::chrono::duration_cast<seconds>(Clock::now() - started_).count() << " s: " << std::fixed
         << std::setprecision(1) << megabytes(tally.bytes_read) << " MB read in " << tally.streams << " streams, "
         << megabytes(tally.bytes_written) << " MB written, " << tally.writes << " writes answered, " << tally.gaps
         << " gaps, " << tally.line_changes << " line changes, " << tally.killed << " clients killed, " << tally.unplugs
         << " unplugs, " << tally.reloads << " reloads";
    return text.str();
}

}  // namespace vserd::soak
