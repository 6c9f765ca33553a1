#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "rpc/log_search.hpp"
#include "rpc/unary_call.hpp"
#include "vser/v1/console_service.pb.h"

namespace vserd::rpc {

/// One WaitFor call. Owned by its call; io thread only.
class WaitingSearch
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    /// All outlive this.
    WaitingSearch(UnaryCall& call, hub::PortHandle& port, ::vser::v1::WaitForResponse& response);

    /// Ends the call at `deadline`, or earlier.
    void start(const ::vser::v1::WaitForRequest& request, std::chrono::steady_clock::time_point deadline);
    void fail(const Error& error);

private:
    Result<void> begin(const ::vser::v1::WaitForRequest& request, std::chrono::steady_clock::time_point deadline);
    void take();
    void answer(const search::Line& line);
    void time_out();
    void succeed();

    UnaryCall& call_;
    hub::PortHandle& port_;
    ::vser::v1::WaitForResponse& response_;
    hub::StreamSlot slot_;
    std::unique_ptr<LogSearch> search_;
    std::shared_ptr<void> alive_ = std::make_shared<char>();  ///< for life_, which does not own this
    port::Life life_;
    port::Timer timer_;
    bool finished_ = false;
};

/// The WaitFor calls of a server.
class WaitingSearches {
public:
    /// Adds a call, or returns why it was rejected.
    std::optional<Error> enter(WaitingSearch& search);
    /// Ends all, and all that are added from now on.
    void finish_all(const Error& error);

private:
    boost::intrusive::list<WaitingSearch, boost::intrusive::constant_time_size<false>> searches_;
    std::optional<Error> refusal_;
};

}  // namespace vserd::rpc
