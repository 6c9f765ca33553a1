#include "web/site.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "web/assets.hpp"
#include "web/caller.hpp"
#include "web/connect.hpp"
#include "web/connect_error.hpp"
#include "web/discovery.hpp"

namespace vserd::web {
namespace {

using Shape = hub::Calls::Shape;

constexpr std::array routes{SocketRoute{"/attach", "/vser.v1.ConsoleService/Attach", Shape::both_stream, true},
                            SocketRoute{"/read", "/vser.v1.ConsoleService/Read", Shape::replies_stream, false},
                            SocketRoute{"/collect", "/vser.v1.ConsoleService/Collect", Shape::replies_stream, false},
                            SocketRoute{"/watch", "/vser.v1.PortService/WatchPorts", Shape::replies_stream, false}};
constexpr std::string_view subprotocol = "vser.v1";
constexpr std::string_view ticket_prefix = "ticket.";
constexpr std::string_view ticket_path = "/ticket";
constexpr std::string_view metrics_path = "/metrics";
constexpr std::string_view health_path = "/healthz";
constexpr std::string_view discovery_path = "/sd/prometheus";

const SocketRoute* find_route(std::string_view path) {
    const auto* const found = std::ranges::find(routes, path, &SocketRoute::path);
    return found == routes.end() ? nullptr : found;
}

std::vector<std::string> labels() {
    std::vector<std::string> all = connect_methods();
    for (const char* each : {"page", "ticket", "metrics", "healthz", "sd/prometheus"}) all.emplace_back(each);
    for (const SocketRoute& route : routes) all.emplace_back(route.path.substr(1));
    return all;
}

bool is_read(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

Response upgrade_required(std::string_view path) {
    Response response =
        plain(426, fmt::format("{} is a WebSocket; connect with the subprotocol {}", path, subprotocol));
    response.headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
    return response;
}

/// The items of a list in a header, separated by commas.
std::vector<std::string> items_of(std::string_view list) {
    std::vector<std::string> items;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        std::string_view item = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (!item.empty()) items.emplace_back(item);
    }
    return items;
}

/// What a call has replied, until it has ended.
struct Exchange {
    ConnectCall call;
    std::optional<hub::WireMessage> reply;

    Response response(const hub::CallStatus& status) const {
        if (status.code != 0) return connect_error(status);
        return reply ? connect_reply(call, *reply) : connect_error({13, "the call ended without a reply", {}});
    }
};

}  // namespace

Site::Site(Options options, hub::Calls& calls, net::Admission& admission, const hub::Session& session,
           boost::asio::io_context& context)
    : listen_(std::move(options.listen)),
      guard_(listen_, options.hosts),
      metrics_(std::move(options.metrics)),
      roster_(options.roster),
      package_(std::move(options.package)),
      calls_(calls),
      admission_(admission),
      session_(session),
      context_(context),
      counters_(labels()) {}

std::vector<net::Refused> Site::refused() const {
    return {{"host", hosts_refused_.load(std::memory_order_relaxed)},
            {"origin", origins_refused_.load(std::memory_order_relaxed)},
            {"unauthenticated", unauthenticated_.load(std::memory_order_relaxed)},
            {"memory_max", without_memory_.load(std::memory_order_relaxed)},
            {"calls_per_user_max", too_many_calls_.load(std::memory_order_relaxed)}};
}

bool Site::is_socket(std::string_view path) noexcept { return find_route(path) != nullptr; }

std::string_view Site::label(const Request& request) noexcept {
    const std::string_view path = request.path;
    if (find_asset(path) != nullptr) return "page";
    return path.empty() ? path : path.substr(1);
}

std::optional<Response> Site::check_head(const Request& request, const Peer& peer) {
    if (auto refusal = guard_.check_host(request, peer)) {
        hosts_refused_.fetch_add(1, std::memory_order_relaxed);
        return refusal;
    }
    if (!request.is_upgrade && is_read(request) && find_asset(request.path) != nullptr) return std::nullopt;
    if (auto refusal = guard_.check_origin(request, peer)) {
        origins_refused_.fetch_add(1, std::memory_order_relaxed);
        return refusal;
    }
    return is_connect_path(request.path, package_) ? check_connect_head(request, package_) : check_page(request);
}

/// Before the body takes memory. The page's files take none, and a server that is full still tells that it lives.
std::variant<net::Ticket, Response> Site::admit(const Request& request, const Peer& peer) {
    if (request.method == "POST") {
        auto identity = identify(request, peer);
        if (!identity) return connect_error(unauthenticated(identity.error().message));
        return admit({.identity = std::move(*identity), .via = "web", .peer = peer.address});
    }
    if (request.path != metrics_path) return net::Ticket();
    return admit({.via = "web", .peer = peer.address});
}

std::variant<net::Ticket, Response> Site::admit(const hub::Client& client) {
    auto ticket = admission_.admit_user(hub::account_of(client));
    if (ticket) return std::move(*ticket);
    too_many_calls_.fetch_add(1, std::memory_order_relaxed);
    return connect_error(exhausted(ticket.error().message, ticket.error().subject));
}

hub::CallStatus Site::too_much_memory() {
    without_memory_.fetch_add(1, std::memory_order_relaxed);
    const Error refusal = admission_.memory_refusal();
    return exhausted(refusal.message, refusal.subject);
}

std::optional<Response> Site::check_page(const Request& request) const {
    if (find_route(request.path) != nullptr) {
        if (request.method != "GET") return method_not_allowed("GET");
        return request.is_upgrade ? std::nullopt : std::optional(upgrade_required(request.path));
    }
    if (request.path == ticket_path)
        return request.method == "POST" ? std::nullopt : std::optional(method_not_allowed("POST"));
    const bool is_metrics = request.path == metrics_path;
    if (is_metrics && !metrics_) return plain(404, "metrics have an address of their own, `metrics` in [server]");
    if (is_metrics || request.path == health_path || request.path == discovery_path ||
        find_asset(request.path) != nullptr) {
        return is_read(request) ? std::nullopt : std::optional(method_not_allowed("GET, HEAD"));
    }
    return plain(404, "there is nothing here; the page is at /, and rpcs are at /vser.v1.SERVICE/METHOD");
}

Response Site::get(const Request& request) const {
    if (request.path == health_path) return plain(200, "ok");
    if (request.path == discovery_path) return discovery(roster_);
    if (request.path == metrics_path)
        return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_()};
    return asset_response(*find_asset(request.path), request);
}

std::unique_ptr<hub::Calls::Call> Site::answer(const Request& request, const Peer& peer,
                                               std::function<void(Response)> done) {
    if (is_connect_path(request.path, package_)) return call(request, peer, std::move(done));
    done(request.path == ticket_path ? issue_ticket(request, peer) : get(request));
    return nullptr;
}

Result<access::Identity> Site::identify(const Request& request, const Peer& peer) {
    auto identity = identity_of(request, peer, *session_.authority());
    if (!identity) {
        unauthenticated_.fetch_add(1, std::memory_order_relaxed);
        session_.audit_unknown("web", peer.address, identity.error());
    }
    return identity;
}

Response Site::issue_ticket(const Request& request, const Peer& peer) {
    auto identity = identify(request, peer);
    if (!identity) return connect_error(unauthenticated(identity.error().message));
    const auto ticket = tickets_.issue(std::move(*identity), Tickets::Clock::now());
    if (!ticket)
        return connect_error(
            exhausted(fmt::format("{} tickets wait to be used; try again in a moment", tickets_max), "tickets"));
    return {.content_type = "application/json",
            .body = fmt::format("{{\"ticket\":\"{}\",\"expires_in_seconds\":{}}}\n", *ticket, ticket_limit.count())};
}

std::unique_ptr<hub::Calls::Call> Site::call(const Request& request, const Peer& peer,
                                             std::function<void(Response)> done) {
    auto identity = identify(request, peer);
    if (!identity) {
        done(connect_error(unauthenticated(identity.error().message)));
        return nullptr;
    }
    auto parsed = parse_connect(request, package_);
    if (auto* refusal = std::get_if<Response>(&parsed)) {
        done(std::move(*refusal));
        return nullptr;
    }
    const auto exchange = std::make_shared<Exchange>();
    exchange->call = std::move(std::get<ConnectCall>(parsed));
    hub::Calls::Handlers handlers;
    handlers.replied = [exchange](hub::WireMessage message) { exchange->reply = std::move(message); };
    // `live` comes first, so that it is destroyed last.
    handlers.ended = [live = live_calls_.enter(), this, exchange,
                      done = std::move(done)](const hub::CallStatus& status) {
        boost::asio::post(context_, [done, response = exchange->response(status)] { done(response); });
    };
    return calls_.start({request.path,
                         std::exchange(exchange->call.message, {}),
                         {.identity = std::move(*identity), .via = "web", .peer = peer.address},
                         exchange->call.deadline},
                        Shape::unary, std::move(handlers));
}

/// A ticket, or what also identifies an ordinary request.
Result<access::Identity> Site::identify_socket(const Request& request, const Peer& peer) {
    for (const std::string& offered : items_of(request.header("sec-websocket-protocol").value_or(""))) {
        if (!offered.starts_with(ticket_prefix)) continue;
        auto identity = tickets_.redeem(offered.substr(ticket_prefix.size()), Tickets::Clock::now());
        if (identity) return std::move(*identity);
        Error error{Failure::unauthenticated, 0, "",
                    "the ticket was used before, or is too old; get another one by POST /ticket"};
        unauthenticated_.fetch_add(1, std::memory_order_relaxed);
        session_.audit_unknown("web", peer.address, error);
        return error;
    }
    return identify(request, peer);
}

std::variant<Site::Socket, Response> Site::open_socket(const Request& request, const Peer& peer) {
    const auto offered = items_of(request.header("sec-websocket-protocol").value_or(""));
    if (std::ranges::find(offered, subprotocol) == offered.end()) {
        return plain(400, fmt::format("offer the subprotocol {} in Sec-WebSocket-Protocol", subprotocol));
    }
    auto identity = identify_socket(request, peer);
    if (!identity) return connect_error(unauthenticated(identity.error().message));
    hub::Client client{.identity = std::move(*identity), .via = "web", .peer = peer.address};
    auto admitted = admit(client);
    if (auto* refusal = std::get_if<Response>(&admitted)) return std::move(*refusal);
    return Socket{find_route(request.path), std::move(client), std::move(std::get<net::Ticket>(admitted))};
}

}  // namespace vserd::web
