#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>

#include "connect/relay.hpp"
#include "hub/calls.hpp"

namespace vserd::test {

/// The unary calls of connectrpc.conformance.v1.ConformanceService: each answers what its request asks for.
class ConformanceCalls final : public hub::Calls {
public:
    /// `relay` outlives the calls.
    explicit ConformanceCalls(Relay& relay);

    std::unique_ptr<Call> start(Request request, Shape shape, Handlers handlers) override;

private:
    Relay& relay_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{context_.get_executor()};
    std::jthread thread_;
};

}  // namespace vserd::test
