#include "app/daemon.hpp"

#include <fmt/core.h>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <exception>
#include <filesystem>
#include <optional>
#include <thread>

#include "app/access_control.hpp"
#include "app/archive_start.hpp"
#include "app/await.hpp"
#include "app/certificates.hpp"
#include "app/fleet_membership.hpp"
#include "app/journal.hpp"
#include "app/journal_outputs.hpp"
#include "app/listen_addresses.hpp"
#include "app/memory_trimmer.hpp"
#include "app/reload.hpp"
#include "app/serving_line.hpp"
#include "app/signals.hpp"
#include "app/supervision.hpp"
#include "app/web_start.hpp"
#include "base/thread.hpp"
#include "hub/hub.hpp"
#include "io/engine_select.hpp"
#include "io/loop.hpp"
#include "metrics/exporter.hpp"
#include "net/exposure.hpp"
#include "net/front_end.hpp"
#include "net/tls.hpp"
#include "restart/keeper.hpp"
#include "rpc/server.hpp"
#include "tcp/server.hpp"

namespace vserd {
namespace {

using std::chrono::milliseconds;

/// The time for clients to receive their final status, after the drain.
constexpr milliseconds goodbye_limit{300};
/// If the shutdown takes longer than the drain, the goodbye and this together, something hangs (for example a driver in close),
/// and the process exits anyway.
constexpr milliseconds hang_limit{10'000};
/// The time to write the journal, whose reader may have stopped.
constexpr milliseconds last_words_limit{500};
constexpr milliseconds first_open_limit{500};
constexpr milliseconds first_open_poll_interval{1};
constexpr milliseconds strict_limit{15'000};
constexpr milliseconds strict_poll_interval{10};

/// Whether the port is online, or has failed to open its device once.
bool was_tried(const port::Port& port) {
    return port.kind() == line::Kind::archive || port.state() == port::PortState::online ||
           port.stats()->open_errors.load() > 0;
}

std::string absolute(const std::string& file) {
    std::error_code error;
    const auto path = std::filesystem::weakly_canonical(file, error);
    return error || file.empty() ? file : path.string();
}

}  // namespace

class Daemon::Impl {
public:
    explicit Impl(DaemonOptions options) : options_(std::move(options)) {}
    ~Impl() {
        if (saver_.joinable()) saver_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    int run();

private:
    Result<void> start();
    Result<void> start_rpc(rpc::ServerInfo info, std::vector<int> sockets);
    Result<void> start_tcp();
    Result<void> start_web();
    Result<void> start_metrics(const rpc::ServerInfo& info);
    Result<void> check_exposure(const std::vector<std::string>& addresses) const;
    void announce_when_tried(const rpc::ServerInfo& info, std::chrono::steady_clock::time_point limit);
    void announce(const rpc::ServerInfo& info);
    void take_signal(int signal);
    void replace_certificates(const net::TlsPems& pems, const config::Config& after);
    void watch_strictly(std::chrono::steady_clock::time_point deadline);
    void stop(int exit_code);
    boost::asio::awaitable<void> shut_down();
    void end_if_it_hangs();
    void save(const std::function<void()>& done);

    DaemonOptions options_;
    MemoryTrimmer trimmer_;
    int exit_code_ = 0;
    bool stopping_ = false;
    std::unique_ptr<io::Loop> loop_;
    std::unique_ptr<restart::Keeper> keeper_;
    std::unique_ptr<hub::Hub> hub_;
    std::optional<Supervision> supervision_;
    std::optional<PortJournal> logger_;
    std::shared_ptr<net::CertificateStore> store() const { return certificates_ ? certificates_->store() : nullptr; }

    std::unique_ptr<Certificates> certificates_;  ///< null: no TLS
    std::unique_ptr<AccessControl> access_;
    std::atomic<rpc::Server*> grpc_{nullptr};  ///< one of the front ends; the thread of another reads this
    tcp::Server* tcp_ = nullptr;               ///< one of the front ends
    std::atomic<web::Server*> web_{nullptr};   ///< one of the front ends, or null; as grpc_
    metrics::Exporter* exporter_ = nullptr;    ///< one of the front ends, or null
    FleetMembership fleet_;                    ///< the front ends read its roster
    std::vector<std::unique_ptr<net::FrontEnd>> front_ends_;
    std::optional<Signals> signals_;
    std::optional<boost::asio::steady_timer> announce_timer_;
    std::optional<boost::asio::steady_timer> strict_timer_;
    std::optional<boost::asio::steady_timer> hang_timer_;
    std::unique_ptr<DiskThread> disk_;
    std::optional<Reload> reload_;
    std::thread saver_;
};

int Daemon::Impl::run() {
    set_up_journal(options_.config.log_level);
    if (auto started = start(); !started) {
        spdlog::critical("{}", started.error().message);
        if (!loop_) return 1;
        stop(1);
    }
    loop_->run();
    // In reverse order. Functions that the loop still holds must not outlive the objects that they refer to.
    signals_.reset();
    announce_timer_.reset();
    strict_timer_.reset();
    hang_timer_.reset();
    supervision_.reset();
    while (!front_ends_.empty()) front_ends_.pop_back();  // a later front end may read counters of an earlier one
    disk_.reset();
    while (loop_->poll_once()) continue;
    reload_.reset();  // stop() has stopped it, but it may have been called again
    certificates_.reset();
    hub_.reset();
    access_.reset();  // its audit trail outlives the sessions
    if (const auto left = keeper_->directory().leave(); !left) spdlog::warn("state_dir: {}", left.error().message);
    keeper_.reset();
    loop_.reset();
    spdlog::info("stopped");
    drain_journal(last_words_limit);
    return exit_code_;
}

Result<void> Daemon::Impl::start() {
    restart::StateDirectory directory(options_.config.state_dir, absolute(options_.config_file));
    if (directory.is_refused())
        return Error{Failure::refused, 0, "state_dir", fmt::format("state_dir: {}", directory.problem())};
    auto choice = io::select_engine(options_.config.engine);
    if (!choice) return choice.error();
    rpc::ServerInfo info{VSERD_VERSION, std::string(choice->engine->name()), {}};
    for (const io::EngineRefusal& refusal : choice->refusals)
        info.engines_refused.emplace_back(refusal.engine, refusal.reason);
    // An explicitly configured engine has no fallback.
    const io::NextEngine next = options_.config.engine == "auto" ? io::next_engine : io::NextEngine{};
    loop_ = std::make_unique<io::Loop>(std::move(choice->engine), next);
    Inherited inherited = inherited_descriptors();
    keeper_ = std::make_unique<restart::Keeper>(std::move(directory), fd_store(), std::move(inherited.stored));
    hub_ = std::make_unique<hub::Hub>(*loop_, keeper_.get(),
                                      hub::SessionLimits{.streams_max = options_.config.streams_max});
    hub_->add_watcher(logger_.emplace(*hub_));
    const hub::HubConfig ports = hub_config(options_.config);
    auto archives = begin_archive(options_.config, ports, *hub_);
    if (!archives) return archives.error();
    supervision_.emplace(*hub_);
    auto disk = DiskThread::start(*loop_);
    if (!disk) return disk.error();
    disk_ = std::move(*disk);
    keeper_->set_remover([this](const std::string& path) { disk_->run([path] { ::unlink(path.c_str()); }, [] {}); });
    auto certificates = Certificates::load(tls_files(options_.config), *loop_, *disk_);
    if (!certificates) return certificates.error();
    certificates_ = std::move(*certificates);
    auto access = AccessControl::load(options_.config.access, *loop_, *disk_, *hub_);  // before anything listens
    if (!access) return access.error();
    access_ = std::move(*access);
    if (auto started = start_tcp(); !started) return started;
    reload_.emplace(
        options_, *hub_, *tcp_, *supervision_, *disk_, *access_,
        [this](const net::TlsPems& pems, const config::Config& after) { replace_certificates(pems, after); });
    // Before gRPC, so that the metrics are available to every client that can connect.
    if (auto started = start_metrics(info); !started) return started;
    if (auto started = start_rpc(info, std::move(inherited.sockets)); !started) return started;
    if (auto started = start_web(); !started) return started;
    if (auto started = fleet_.start(options_.config, *hub_); !started) return started;
    signals_.emplace(*loop_, [this](int signal) { take_signal(signal); });
    hub_->apply(ports, {.logs = {}, .archives = std::move(*archives), .served = begin_served(ports)});
    for (const std::string& dropped : keeper_->drop_unclaimed()) spdlog::warn("{}", dropped);
    if (options_.strict) watch_strictly(std::chrono::steady_clock::now() + strict_limit);
    loop_->post([this, info] { announce_when_tried(info, std::chrono::steady_clock::now() + first_open_limit); });
    return {};
}

Result<void> Daemon::Impl::start_rpc(rpc::ServerInfo info, std::vector<int> sockets) {
    const config::Config& config = options_.config;
    const auto addresses = listen_addresses(config);
    if (auto checked = check_exposure(addresses); !checked) return checked;
    auto server = rpc::Server::start(*hub_, {.listen = addresses,
                                             .inherited = std::move(sockets),
                                             .certificates = store(),
                                             .memory_max = config.memory_max,
                                             .warn = [](const std::string& message) { spdlog::warn("{}", message); },
                                             .info = std::move(info),
                                             .roster = fleet_.roster(options_.config)});
    if (!server) return server.error();
    grpc_.store(server->get());
    front_ends_.insert(front_ends_.begin(), std::move(*server));  // before the metrics, which end first
    return check_exposure(grpc_.load()->addresses());
}

/// Before the metrics, which read its counters.
Result<void> Daemon::Impl::start_tcp() {
    auto server = tcp::Server::start(*hub_, tcp_listeners(options_.config), store());
    if (!server && options_.demo) {  // the rest of the demo works without
        spdlog::warn("{}; the demo is served over gRPC only", server.error().message);
        server = tcp::Server::start(*hub_, {}, store());
    }
    if (!server) return server.error();
    tcp_ = server->get();
    front_ends_.push_back(std::move(*server));
    return {};
}

/// After gRPC, which serves its calls.
Result<void> Daemon::Impl::start_web() {
    auto server = vserd::start_web(options_, *hub_, *grpc_.load(), store(), exporter_, fleet_.roster(options_.config));
    if (!server || *server == nullptr) return server ? Result<void>() : server.error();
    reload_->set_web(**server);
    web_.store(server->get());
    front_ends_.insert(front_ends_.begin() + 1, std::move(*server));
    return {};
}

Result<void> Daemon::Impl::check_exposure(const std::vector<std::string>& addresses) const {
    const config::Config& config = options_.config;
    if (config.allow_insecure_remote) return {};
    return net::check_exposure(addresses, {!config.tls_certificate_file.empty(), config::has_rules(config)});
}

Result<void> Daemon::Impl::start_metrics(const rpc::ServerInfo& info) {
    if (options_.config.metrics.empty()) return {};
    const auto others = [this] {
        std::vector<const net::FrontEnd*> list{tcp_};
        if (const net::FrontEnd* server = grpc_.load()) list.push_back(server);
        if (const net::FrontEnd* server = web_.load()) list.push_back(server);
        return list;
    };
    auto exporter = start_exporter(
        options_.config,
        {*hub_, info.version, info.engine, info.engines_refused, [this] { return counts_of(grpc_.load()); }, others,
         store(), journal_lines_dropped, [this] { return counts_of(web_.load()); },
         [this] {
             return metrics::AuditCounts{access_->audit().errors(), access_->audit().lost()};
         },
         [this] { return fleet_.counts(); }});
    if (!exporter) return exporter.error();
    exporter_ = exporter->get();
    front_ends_.push_back(std::move(*exporter));
    return {};
}

/// Delays the announcement until every port has been tried once, or the limit has passed.
void Daemon::Impl::announce_when_tried(const rpc::ServerInfo& info, std::chrono::steady_clock::time_point limit) {
    const auto& channels = hub_->channels();
    const bool tried = std::all_of(channels.begin(), channels.end(),
                                   [](const auto& entry) { return was_tried(entry.second->port()); });
    if (tried || stopping_ || std::chrono::steady_clock::now() >= limit) return announce(info);
    if (!announce_timer_) announce_timer_.emplace(loop_->context());
    announce_timer_->expires_after(first_open_poll_interval);
    announce_timer_->async_wait([this, info, limit](const boost::system::error_code& error) {
        if (!error) announce_when_tried(info, limit);
    });
}

/// Reports to standard output and to systemd that clients can connect.
void Daemon::Impl::announce(const rpc::ServerInfo& info) {
    if (stopping_) return;
    const rpc::Server& grpc = *grpc_.load();
    print(fmt::format(
        "{}\n{}", serving_line(options_.config.ports.size(), front_ends_, grpc, info.engine),
        options_.demo ? advice(grpc.addresses().front(), !tcp_->addresses().empty(), page_address(web_.load())) : ""));
    for (const auto& [engine, reason] : info.engines_refused)
        spdlog::info("engine {} is not in use: {}", engine, reason);
    supervision_->ready();
}

void Daemon::Impl::take_signal(int signal) {
    if (signal == SIGHUP || signal == SIGUSR1) access_->audit().reopen();
    if (signal == SIGUSR1) return;
    if (signal == SIGHUP) return reload_->start();
    if (stopping_) {
        spdlog::warn("second signal: exiting immediately");
        drain_journal(last_words_limit);
        ::_exit(1);
    }
    spdlog::info("{}: writing the accepted bytes, then exiting", signal == SIGINT ? "SIGINT" : "SIGTERM");
    stop(0);
}

void Daemon::Impl::replace_certificates(const net::TlsPems& pems, const config::Config& after) {
    if (certificates_ && certificates_->replace(tls_files(after), pems)) copy_tls(after, options_.config);
}

/// --strict: waits until every device is open, and stops the daemon if one could not be opened.
void Daemon::Impl::watch_strictly(std::chrono::steady_clock::time_point deadline) {
    bool waiting = false;
    for (const auto& [name, channel] : hub_->channels()) {
        const port::Port& port = channel->port();
        if (port.state() == port::PortState::online || channel->is_served()) continue;
        const bool failed = was_tried(port) || std::chrono::steady_clock::now() >= deadline;
        if (failed && !stopping_) {
            spdlog::critical("--strict: port {} is not online: {}", name, port.offline_reason());
            return stop(1);
        }
        waiting = true;
    }
    if (!waiting || stopping_) return;
    if (!strict_timer_) strict_timer_.emplace(loop_->context());
    strict_timer_->expires_after(strict_poll_interval);
    strict_timer_->async_wait([this, deadline](const boost::system::error_code& error) {
        if (!error) watch_strictly(deadline);
    });
}

void Daemon::Impl::stop(int exit_code) {
    if (stopping_) return;
    stopping_ = true;
    exit_code_ = exit_code;
    if (reload_) reload_->stop();
    if (certificates_) certificates_->stop();
    if (access_) access_->stop();
    if (supervision_) supervision_->stopping();
    for (const auto& each : front_ends_) each->announce_stop();
    end_if_it_hangs();
    boost::asio::co_spawn(loop_->context(), shut_down(), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
}

/// Until the last step vserd keeps reading the devices.
boost::asio::awaitable<void> Daemon::Impl::shut_down() {
    co_await called_back([this](auto done) { fleet_.stop(done); });
    co_await called_back([this](auto done) { hub_->drain(options_.config.drain_limit, done); });
    for (const auto& each : front_ends_) {
        co_await called_back([&](auto done) { each->stop(goodbye_limit, done); });
    }
    co_await called_back([this](auto done) { save(done); });
    co_await called_back([this](auto done) { hub_->shut_down(milliseconds{0}, done); });
    loop_->stop();
}

void Daemon::Impl::end_if_it_hangs() {
    hang_timer_.emplace(loop_->context());
    hang_timer_->expires_after(options_.config.drain_limit + goodbye_limit + hang_limit);
    hang_timer_->async_wait([](const boost::system::error_code& error) {
        if (error) return;
        spdlog::critical("the shutdown did not finish in time; exiting anyway");
        drain_journal(last_words_limit);
        ::_exit(1);
    });
}

/// Writes pending data to the disk while the devices are still being read, so that little is left for the end.
void Daemon::Impl::save(const std::function<void()>& done) {
    if (!keeper_->directory()) return done();
    auto saver = base::start_thread([this, done] {
        static_cast<void>(keeper_->directory().sync());  // only the result of the last sync matters
        loop_->post(done);
    });
    if (!saver) return done();
    saver_ = std::move(*saver);
}

Daemon::Daemon(DaemonOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Daemon::~Daemon() = default;
int Daemon::run() { return impl_->run(); }

}  // namespace vserd
