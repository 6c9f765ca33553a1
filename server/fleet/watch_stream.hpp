#pragma once

#include <grpcpp/support/client_callback.h>

#include <memory>
#include <optional>

#include "fleet/link.hpp"

namespace vserd::fleet {

/// One stream of changes of keys. It reads the next message when the last one was taken, so a slow reader slows down etcd and
/// nothing gathers here. Fleet thread; gRPC's threads only post to it.
class WatchStream final : public grpc::ClientBidiReactor<etcdserverpb::WatchRequest, etcdserverpb::WatchResponse> {
public:
    /// All outlive this.
    WatchStream(std::shared_ptr<boost::asio::io_context> context, Link& link, std::shared_ptr<Connection> connection,
                const EtcdSettings& settings);

    void start(const etcdserverpb::WatchCreateRequest& request);
    /// The next message. Failure::timed_out: there was none until that time; otherwise the stream has failed.
    Awaitable<Result<etcdserverpb::WatchResponse>> next(Clock::time_point limit);
    /// Asks for a message, to see whether the stream is alive. Nothing if the last request has not even been sent.
    void ask_for_progress();
    /// Cancels the stream. It may be destroyed afterwards.
    Awaitable<> end();
    const std::shared_ptr<Connection>& connection() const noexcept { return ticket_.connection; }

private:
    void OnReadDone(bool ok) override;
    void OnWriteDone(bool ok) override;
    void OnDone(const grpc::Status& status) override;

    const std::shared_ptr<boost::asio::io_context> context_;  // shared with gRPC's threads while they post to it
    const EtcdSettings& settings_;
    Link::Ticket ticket_;
    etcdserverpb::WatchRequest request_;
    etcdserverpb::WatchResponse response_;
    Signal changed_;
    bool writing_ = false;
    bool arrived_ = false;  ///< response_ is to be taken
    bool ended_ = false;    ///< nothing more arrives
    bool held_ = false;
    std::optional<grpc::Status> status_;  ///< set: gRPC does not use this any more
};

}  // namespace vserd::fleet
