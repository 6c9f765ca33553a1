#pragma once

#include <grpcpp/client_context.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/result.hpp"
#include "etcd/api/etcdserverpb/rpc.pb.h"
#include "fleet/connection.hpp"
#include "fleet/counters.hpp"
#include "fleet/settings.hpp"
#include "fleet/signal.hpp"

namespace vserd::fleet {

class WatchStream;

/// Calls of etcd, each with a deadline. After a failure the next member is tried, with a new connection. Fleet thread.
class Link {
public:
    /// `settings` and `counters` outlive this. `limit`: for each call.
    Link(std::shared_ptr<boost::asio::io_context> context, const EtcdSettings& settings, Counters& counters,
         std::chrono::milliseconds limit);
    ~Link();  ///< requires: no call runs

    Awaitable<Result<etcdserverpb::RangeResponse>> range(const etcdserverpb::RangeRequest& request);
    Awaitable<Result<etcdserverpb::TxnResponse>> transact(const etcdserverpb::TxnRequest& request);
    /// Returns a lease of `ttl`.
    Awaitable<Result<etcdserverpb::LeaseGrantResponse>> grant(std::chrono::seconds ttl);
    /// Returns for how many seconds the lease lives from now on; 0: it has ended. Its limit is `limit`, because the lease must
    /// live until another member is asked.
    Awaitable<Result<std::int64_t>> keep_alive(std::int64_t lease, std::chrono::milliseconds limit);
    /// Failure::not_found: it had ended.
    Awaitable<Result<void>> revoke(std::int64_t lease, std::chrono::milliseconds limit);
    /// A stream of changes that was created. The caller ends it.
    Result<std::unique_ptr<WatchStream>> watch(const etcdserverpb::WatchCreateRequest& request);

    /// The connection of a stream has failed: the next member.
    void leave(const std::shared_ptr<Connection>& connection);
    /// Whether no other member can be expected to do better: every one has failed since the last call that worked, or the error is
    /// not about the member.
    bool is_final(const Error& error) const noexcept;
    /// Cancels all calls that run, and fails all later ones but keep_alive() and revoke().
    void close();

    /// A call while it runs.
    class Ticket {
    public:
        Ticket(Link& link, std::shared_ptr<Connection> connection);
        ~Ticket();
        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;

        grpc::ClientContext context;
        const std::shared_ptr<Connection> connection;  // shared with the link, which may leave it meanwhile

    private:
        Link& link_;
    };

private:
    using Done = std::function<void(const grpc::Status&)>;
    template <class Request, class Reply>
    using Start = void (*)(Connection&, grpc::ClientContext&, const Request&, Reply&, Done);
    template <class Request, class Reply>
    Awaitable<Result<Reply>> call(Op op, Request request, std::chrono::milliseconds limit, Start<Request, Reply> start);
    template <class Request, class Reply>
    Awaitable<Result<Reply>> last_call(Op op, Request request, std::chrono::milliseconds limit,
                                       Start<Request, Reply> start);
    template <class Request, class Reply>
    Awaitable<Result<Reply>> attempt(Op op, const Request& request, std::chrono::milliseconds limit,
                                     Start<Request, Reply> start);
    Awaitable<Result<void>> authenticate();
    Result<std::shared_ptr<Connection>> connect();
    Error failed(Op op, const grpc::Status& status, const std::shared_ptr<Connection>& connection);

    const std::shared_ptr<boost::asio::io_context> context_;  // shared with gRPC's threads while they post to it
    const EtcdSettings& settings_;
    Counters& counters_;
    const std::chrono::milliseconds limit_;
    std::shared_ptr<Connection> connection_;  // shared with calls that run; null: not yet
    std::size_t endpoint_ = 0;                ///< the index of the one in use
    std::size_t failures_ = 0;                ///< in a row
    std::string token_;                       ///< of the user
    bool authenticating_ = false;
    bool no_token_needed_ = false;  ///< etcd has no users, in spite of the configuration
    bool closed_ = false;
    std::set<Ticket*> running_;
};

}  // namespace vserd::fleet
