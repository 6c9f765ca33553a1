#include "tcp/server.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "net/tls_context.hpp"
#include "tcp/listener.hpp"
#include "tcp/tls_stream.hpp"

namespace vserd::tcp {
namespace {

constexpr std::chrono::seconds tick_interval{1};
constexpr std::chrono::seconds removal_limit{2};

Server::OpenedSockets open_sockets(const std::vector<std::string>& addresses) {
    Server::OpenedSockets opened;
    for (const std::string& address : addresses) {
        opened.emplace(address, net::ListenSocket::open(address, "address", "[[port.listen]]"));
    }
    return opened;
}

}  // namespace

class Server::Impl {
public:
    Impl(hub::Hub& hub, std::shared_ptr<const net::CertificateStore> certificates)
        : session_(hub, {.identity = access::internal_identity()}),
          ticker_(session_.loop().context()),
          closer_(session_.loop().context()) {
        if (certificates) tls_.emplace(std::move(certificates));
        environment_.emplace(ListenerEnvironment{hub, session_.loop(), tls_ ? &*tls_ : nullptr, scratch_, refused_,
                                                 [this] { clients_changed(); }});
    }

    OpenWork prepare(const std::vector<ListenOptions>& wanted);
    std::vector<std::string> apply(const std::vector<ListenOptions>& wanted, OpenedSockets&& opened);
    void stop(std::chrono::milliseconds grace, std::function<void()> done);

    const std::vector<std::string>& addresses() const noexcept { return addresses_; }
    std::vector<net::Refused> refused() const;
    std::vector<net::PortClients> port_clients() const;

private:
    using StatsList = std::vector<std::shared_ptr<const ListenerStats>>;

    std::vector<Listener*> match(const std::vector<ListenOptions>& wanted) const;
    std::string listen(const ListenOptions& wanted, Listener* present, OpenedSockets& opened);
    void publish();
    void clients_changed();
    void tick();
    void stopped();
    void post_stopped();

    hub::Session session_;  ///< the server's own
    RefusedClients refused_;
    std::optional<net::TlsContext> tls_;
    std::array<std::byte, read_bytes_max> scratch_{};
    std::optional<ListenerEnvironment> environment_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::vector<std::unique_ptr<Listener>> leaving_;  ///< removed, but still with clients
    std::vector<std::string> addresses_;
    std::atomic<std::shared_ptr<const StatsList>> stats_{std::make_shared<const StatsList>()};
    boost::asio::steady_timer ticker_;
    bool ticking_ = false;
    boost::asio::steady_timer closer_;
    std::function<void()> done_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();  // handlers may still be queued after destruction
};

/// For each wanted listener the present one with its address, or null.
std::vector<Listener*> Server::Impl::match(const std::vector<ListenOptions>& wanted) const {
    std::multimap<std::string_view, Listener*> present;
    for (const auto& each : listeners_) present.emplace(each->options().address, each.get());
    std::vector<Listener*> matches;
    for (const ListenOptions& each : wanted) {
        auto found = present.extract(each.address);
        matches.push_back(found.empty() ? nullptr : found.mapped());
    }
    return matches;
}

Server::OpenWork Server::Impl::prepare(const std::vector<ListenOptions>& wanted) {
    const auto matches = match(wanted);
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (matches[i] == nullptr) missing.push_back(wanted[i].address);
    }
    std::vector<std::unique_ptr<Listener>> kept;
    for (auto& listener : std::exchange(listeners_, {})) {
        if (std::ranges::find(matches, listener.get()) != matches.end()) {
            kept.push_back(std::move(listener));
            continue;
        }
        listener->stop_accepting();
        leaving_.push_back(std::move(listener));
    }
    listeners_ = std::move(kept);
    publish();
    if (missing.empty()) return nullptr;
    return [missing = std::move(missing)] { return open_sockets(missing); };
}

std::vector<std::string> Server::Impl::apply(const std::vector<ListenOptions>& wanted, OpenedSockets&& opened) {
    for (const auto& each : leaving_) each->finish_all("the listener was removed", removal_limit);
    const auto matches = match(wanted);
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        auto problem = listen(wanted[i], matches[i], opened);
        if (!problem.empty()) problems.push_back(fmt::format("port \"{}\": {}", wanted[i].port, problem));
    }
    publish();
    return problems;
}

/// Returns the problem; empty: none.
std::string Server::Impl::listen(const ListenOptions& wanted, Listener* present, OpenedSockets& opened) {
    if (wanted.tls && !tls_) {
        return fmt::format("cannot listen on {}: [server.tls] is new, and takes effect after a restart",
                           wanted.address);
    }
    if (present != nullptr) {
        present->change(wanted);
        return {};
    }
    auto sockets = opened.extract(wanted.address);
    if (sockets.empty()) return {};
    if (!sockets.mapped()) return sockets.mapped().error().message;
    listeners_.push_back(std::make_unique<Listener>(*environment_, wanted, std::move(*sockets.mapped())));
    return {};
}

void Server::Impl::publish() {
    auto stats = std::make_shared<StatsList>();
    addresses_.clear();
    for (const auto& each : listeners_) {
        stats->push_back(each->stats());
        addresses_.push_back(
            fmt::format("{} {} {}", each->options().port, to_string(each->options().protocol), each->address()));
    }
    stats_.store(std::move(stats));
}

/// Ticks only while there are clients.
void Server::Impl::clients_changed() {
    if (!ticking_) {
        ticking_ = true;
        tick();
    }
    if (done_) post_stopped();
}

void Server::Impl::tick() {
    const auto now = std::chrono::steady_clock::now();
    std::size_t clients = 0;
    for (const auto* list : {&listeners_, &leaving_}) {
        for (const auto& listener : *list) {
            listener->tick(now);
            clients += listener->connections();
        }
    }
    std::erase_if(leaving_, [](const auto& listener) { return listener->connections() == 0; });
    if (clients == 0) {
        ticking_ = false;
        return;
    }
    ticker_.expires_after(tick_interval);
    ticker_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        if (!error && !alive.expired()) tick();
    });
}

void Server::Impl::stop(std::chrono::milliseconds grace, std::function<void()> done) {
    done_ = std::move(done);
    for (const auto& listener : listeners_) {
        listener->stop_accepting();
        listener->finish_all("vserd is shutting down", grace);
    }
    for (const auto& listener : leaving_) listener->finish_all("vserd is shutting down", grace);
    closer_.expires_after(grace);
    closer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        if (error || alive.expired()) return;
        for (const auto& listener : listeners_) listener->close_all();
        for (const auto& listener : leaving_) listener->close_all();
        stopped();
    });
    post_stopped();
}

void Server::Impl::post_stopped() {
    session_.loop().post([this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) stopped();
    });
}

/// Calls back once, when the last client is gone.
void Server::Impl::stopped() {
    const auto idle = [](const auto& listener) { return listener->connections() == 0; };
    if (!done_ || !std::ranges::all_of(listeners_, idle) || !std::ranges::all_of(leaving_, idle)) return;
    closer_.cancel();
    ticker_.cancel();
    const auto done = std::exchange(done_, nullptr);
    done();
}

std::vector<net::Refused> Server::Impl::refused() const {
    return {{"clients_max", refused_.clients_max.load(std::memory_order_relaxed)},
            {"descriptors", refused_.descriptors.load(std::memory_order_relaxed)},
            {"tls", refused_.tls.load(std::memory_order_relaxed)},
            {"role", refused_.role.load(std::memory_order_relaxed)}};
}

std::vector<net::PortClients> Server::Impl::port_clients() const {
    std::map<std::pair<std::string, std::string_view>, net::PortClients> sums;
    for (const auto& stats : *stats_.load()) {
        const std::string_view protocol = to_string(stats->protocol);
        auto& sum = sums.try_emplace({stats->port, protocol}, net::PortClients{stats->port, protocol}).first->second;
        sum.connected += stats->clients.load(std::memory_order_relaxed);
        sum.fell_behind += stats->fell_behind.load(std::memory_order_relaxed);
    }
    std::vector<net::PortClients> result;
    result.reserve(sums.size());
    for (auto& [key, sum] : sums) result.push_back(std::move(sum));
    return result;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(hub::Hub& hub, const std::vector<ListenOptions>& listeners,
                                              std::shared_ptr<const net::CertificateStore> certificates) {
    auto impl = std::make_unique<Impl>(hub, std::move(certificates));
    OpenedSockets opened;
    if (const auto work = impl->prepare(listeners)) opened = work();
    if (const auto problems = impl->apply(listeners, std::move(opened)); !problems.empty()) {
        return Error{Failure::io, 0, "address", problems.front()};
    }
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::OpenWork Server::prepare(const std::vector<ListenOptions>& listeners) { return impl_->prepare(listeners); }
std::vector<std::string> Server::apply(const std::vector<ListenOptions>& listeners, OpenedSockets&& opened) {
    return impl_->apply(listeners, std::move(opened));
}
const std::vector<std::string>& Server::addresses() const noexcept { return impl_->addresses(); }
std::vector<net::Refused> Server::refused() const { return impl_->refused(); }
std::vector<net::PortClients> Server::port_clients() const { return impl_->port_clients(); }
void Server::stop(std::chrono::milliseconds grace, std::function<void()> done) { impl_->stop(grace, std::move(done)); }

}  // namespace vserd::tcp
