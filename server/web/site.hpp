#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "access/authority.hpp"
#include "hub/calls.hpp"
#include "hub/session.hpp"
#include "net/admission.hpp"
#include "net/front_end.hpp"
#include "roster/roster.hpp"
#include "web/counters.hpp"
#include "web/guard.hpp"
#include "web/live_calls.hpp"
#include "web/request.hpp"
#include "web/response.hpp"
#include "web/tickets.hpp"

namespace vserd::web {

/// A path that is a WebSocket, and the rpc behind it.
struct SocketRoute {
    std::string_view path;
    std::string_view method;
    hub::Calls::Shape shape;
    bool has_window;  ///< the client acknowledges what it has processed
};

/// What the server answers, apart from how it is transported. The web thread, unless a method says otherwise.
class Site {
public:
    struct Options {
        std::vector<std::string> listen;
        std::vector<std::string> hosts;
        std::function<std::string()> metrics;  ///< null: they are served elsewhere
        const roster::Roster* roster;          ///< null: no fleet
        std::string package;                   ///< whose rpcs are served
    };
    /// All references outlive the site.
    Site(Options options, hub::Calls& calls, net::Admission& admission, const hub::Session& session,
         boost::asio::io_context& context);

    /// Further names from now on, see Guard.
    void set_hosts(const std::vector<std::string>& hosts) { guard_ = Guard(listen_, hosts); }

    /// What can be refused before the body is read.
    std::optional<Response> check_head(const Request& request, const Peer& peer);
    /// A share of the memory for the request and its response, for whose memory there is a limit. Requires: check_head()
    /// returned nothing.
    std::variant<net::Ticket, Response> admit(const Request& request, const Peer& peer);
    /// Why a ticket could not grow; counts it.
    hub::CallStatus too_much_memory();

    /// Calls `done` once, on the web thread: immediately, or when the call that is returned has ended.
    std::unique_ptr<hub::Calls::Call> answer(const Request& request, const Peer& peer,
                                             std::function<void(Response)> done);

    /// Whether the path is a WebSocket. An Upgrade elsewhere is ignored (RFC 9110, 7.8).
    static bool is_socket(std::string_view path) noexcept;

    /// A WebSocket that may be opened.
    struct Socket {
        const SocketRoute* route;
        hub::Client client;
        net::Ticket ticket;
    };
    /// Requires: is_socket(), request.is_upgrade, and check_head() returned nothing.
    std::variant<Socket, Response> open_socket(const Request& request, const Peer& peer);

    void count(const Request& request, unsigned status) noexcept { counters_.count(label(request), status); }
    const RequestCounters& counters() const noexcept { return counters_; }  // any thread
    hub::Calls& calls() noexcept { return calls_; }
    LiveCalls& live_calls() noexcept { return live_calls_; }
    /// Requests refused because of their host, origin, token, or a limit. Any thread.
    std::vector<net::Refused> refused() const;

private:
    static std::string_view label(const Request& request) noexcept;
    std::optional<Response> check_page(const Request& request) const;
    Result<access::Identity> identify(const Request& request, const Peer& peer);
    std::variant<net::Ticket, Response> admit(const hub::Client& client);
    Result<access::Identity> identify_socket(const Request& request, const Peer& peer);
    Response get(const Request& request) const;
    Response issue_ticket(const Request& request, const Peer& peer);
    std::unique_ptr<hub::Calls::Call> call(const Request& request, const Peer& peer,
                                           std::function<void(Response)> done);

    const std::vector<std::string> listen_;
    Guard guard_;
    const std::function<std::string()> metrics_;
    const roster::Roster* const roster_;
    const std::string package_;
    hub::Calls& calls_;
    net::Admission& admission_;
    const hub::Session& session_;
    boost::asio::io_context& context_;
    RequestCounters counters_;
    Tickets tickets_;
    LiveCalls live_calls_;
    std::atomic<std::uint64_t> hosts_refused_{0};
    std::atomic<std::uint64_t> origins_refused_{0};
    std::atomic<std::uint64_t> unauthenticated_{0};
    std::atomic<std::uint64_t> without_memory_{0};
    std::atomic<std::uint64_t> too_many_calls_{0};
};

}  // namespace vserd::web
