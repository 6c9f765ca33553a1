#include <fmt/core.h>

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <string>

#include "rpc/console_service.hpp"
#include "rpc/deadline.hpp"
#include "rpc/unary_call.hpp"

namespace vserd::rpc {
namespace {

namespace v1 = ::vser::v1;

/// A Write that may have to wait for room in the port's queue. Owned by its call; io thread only.
class WaitingWrite : public std::enable_shared_from_this<WaitingWrite> {
public:
    WaitingWrite(UnaryCall& call, hub::PortHandle& port, const std::string& bytes, v1::WriteResponse& response)
        : call_(call),
          port_(port),
          name_(port->name()),
          timer_(call.environment().loop.context()),
          response_(response) {
        write_.bytes = std::as_bytes(std::span(bytes));
    }

    WaitingWrite(const WaitingWrite&) = delete;
    WaitingWrite& operator=(const WaitingWrite&) = delete;

    void start(std::chrono::system_clock::time_point deadline) {
        write_.done = [this](const Result<void>& result) { done(result); };
        port_.submit(write_);
        if (finished_) return;
        call_.when_cancelled([this] { expire(); });  // bytes that the queue has accepted stay accepted
        timer_.expires_at(answer_by(deadline));
        timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
            const auto alive = self.lock();
            if (!error && alive && !alive->finished_) alive->expire();
        });
    }

private:
    void done(const Result<void>& result) {
        finished_ = true;
        timer_.cancel();
        if (!result) {
            if (result.error().subject == "waiting_write_bytes_max") {
                call_.environment().admission.count(net::Refusal::write_bytes);
            }
            return call_.fail(result.error(), {.bytes_taken = write_.taken});
        }
        if (port_) response_.set_tx_offset(port_->port().tx_offset());
        response_.set_bytes_written(write_.taken);
        call_.succeed();
    }

    void expire() {
        take_back();
        done(Error{Failure::timed_out, 0, "",
                   fmt::format("the queue of port \"{}\" accepted {} of {} bytes before the deadline", name_,
                               write_.taken, write_.bytes.size())});
    }

    void take_back() {
        hub::Channel::withdraw(write_);
        finished_ = true;
        timer_.cancel();
    }

    UnaryCall& call_;
    hub::PortHandle& port_;
    const std::string name_;
    hub::PendingWrite write_;
    boost::asio::steady_timer timer_;
    v1::WriteResponse& response_;
    bool finished_ = false;
};

}  // namespace

grpc::ServerUnaryReactor* ConsoleService::Write(grpc::CallbackServerContext* context, const v1::WriteRequest* request,
                                                v1::WriteResponse* response) {
    return UnaryCall::start(
        environment_, {context, request}, Method::write, request->port(), [=](UnaryCall& call, hub::PortHandle& port) {
            if (request->payload_case() == v1::WriteRequest::PAYLOAD_NOT_SET) {
                return call.fail(invalid_field("data", "neither data nor text is given; give one of them"));
            }
            const bool text = request->payload_case() == v1::WriteRequest::kText;
            const std::string& bytes = text ? request->text() : request->data();
            if (bytes.empty()) {
                return call.fail(
                    invalid_field(text ? "text" : "data", "there is nothing to send; give at least one byte"));
            }
            if (bytes.size() > request_payload_bytes_max) return call.fail(payload_too_large(bytes.size()));
            port.present(request->lease());
            const auto write = std::make_shared<WaitingWrite>(call, port, bytes, *response);
            call.hold(write);
            write->start(context->deadline());
        });
}

}  // namespace vserd::rpc
