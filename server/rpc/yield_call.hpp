#pragma once

#include <grpcpp/support/server_callback.h>

#include <boost/intrusive/list.hpp>
#include <optional>
#include <string>

#include "hub/port_watcher.hpp"
#include "rpc/caller.hpp"
#include "rpc/environment.hpp"
#include "vser/v1/port_service.pb.h"

namespace vserd::rpc {

class Yields;

/// One Yield call. The port's device belongs to the client's machine as long as the call holds its handle. Owns itself until
/// gRPC is done with it.
class YieldCall final
    : public grpc::ServerWriteReactor<::vser::v1::YieldResponse>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    YieldCall(Environment& environment, Yields& yields) : environment_(environment), yields_(yields) {}

    /// Ends the call on the gRPC thread that makes it, without the io thread.
    void refuse(const Error& error);
    /// Starts the call on the io thread.
    void start(Admitted admitted, const ::vser::v1::YieldRequest& request);

    // Io thread.
    const std::string& port() const noexcept { return port_; }
    void finish(const grpc::Status& status);

private:
    // gRPC threads.
    void OnWriteDone(bool /*ok*/) override {}  // after a failure OnCancel() follows
    void OnCancel() override;
    void OnDone() override;

    // Io thread.
    void begin();
    void closed(const Result<void>& result);

    Environment& environment_;
    Yields& yields_;
    net::Ticket ticket_;
    std::string port_;
    std::string reason_;
    std::uint64_t lease_ = 0;
    hub::Client client_;
    hub::PortHandle handle_;
    ::vser::v1::YieldResponse response_;
    bool refused_ = false;
    bool finished_ = false;
};

/// The Yield calls of a server. Ends those of a port that is removed.
class Yields final : private hub::PortWatcher {
public:
    explicit Yields(Environment& environment) : environment_(environment) {}

    YieldCall* start(const grpc::ServerContextBase& context, const ::vser::v1::YieldRequest& request);  // any thread
    void finish_all(const Error& error);                                                                // io thread

private:
    friend class YieldCall;
    /// Adds a call, or returns why it was rejected.
    std::optional<Error> enter(YieldCall& call);
    void leave(YieldCall& call) noexcept;

    void on_port_added(const hub::Channel& /*channel*/) override {}
    void on_port_event(const hub::Channel& /*channel*/, const log::EventItem& /*event*/) override {}
    void on_port_removed(const hub::Channel& channel) override;

    Environment& environment_;
    boost::intrusive::list<YieldCall, boost::intrusive::constant_time_size<false>> calls_;  // io thread
    std::optional<Error> refusal_;
};

}  // namespace vserd::rpc
