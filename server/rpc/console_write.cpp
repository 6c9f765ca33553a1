#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "rpc/console_service.hpp"
#include "rpc/deadline.hpp"
#include "rpc/unary_call.hpp"

namespace vserd::rpc {
namespace {

namespace v1 = ::vser::v1;

/// Of the calls that wait for one port. More is refused; streams keep their own place (RequestInbox).
constexpr std::size_t waiting_write_bytes_max = std::size_t{4} << 20;

/// A Write that may have to wait for room in the port's queue. Held by its call; io thread only.
class WaitingWrite : public std::enable_shared_from_this<WaitingWrite> {
public:
    WaitingWrite(UnaryCall& call, WaitingBytes& waiting, hub::Channel& channel, std::string client,
                 const std::string& bytes, v1::WriteResponse& response)
        : call_(call),
          waiting_(waiting),
          port_(channel.name()),
          writer_(channel, std::move(client)),
          timer_(call.environment().loop.context()),
          response_(response) {
        write_.bytes = std::as_bytes(std::span(bytes));
    }

    ~WaitingWrite() { stop_waiting(); }
    WaitingWrite(const WaitingWrite&) = delete;
    WaitingWrite& operator=(const WaitingWrite&) = delete;

    void start(hub::Channel& channel, std::chrono::system_clock::time_point deadline) {
        write_.done = [this](const Result<void>& result) { done(result); };
        channel.submit(writer_, write_);
        if (finished_) return;
        if (!wait()) return refuse();
        call_.when_cancelled([this] { expire(); });  // what was taken was taken
        timer_.expires_at(answer_by(deadline));
        timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
            const auto alive = self.lock();
            if (!error && alive && !alive->finished_) alive->expire();
        });
    }

private:
    /// Whether there is room for it to wait. One may always wait.
    bool wait() {
        std::size_t& bytes = waiting_[port_];
        is_waiting_ = bytes == 0 || bytes + write_.bytes.size() <= waiting_write_bytes_max;
        if (is_waiting_) bytes += write_.bytes.size();
        return is_waiting_;
    }
    void stop_waiting() {
        if (!std::exchange(is_waiting_, false)) return;
        const auto here = waiting_.find(port_);
        here->second -= write_.bytes.size();
        if (here->second == 0) waiting_.erase(here);
    }
    void refuse() {
        take_back();
        call_.environment().admission.count(net::Refusal::write_bytes);
        done(Error{Failure::exhausted, 0, "waiting_write_bytes_max",
                   "calls of Write with " + std::to_string(waiting_write_bytes_max) +
                       " bytes wait for the queue of port \"" + port_ + "\", the most that may; try again later"});
    }

    void done(const Result<void>& result) {
        finished_ = true;
        stop_waiting();
        timer_.cancel();
        const hub::Channel* channel = call_.environment().hub.find(port_);
        if (!result) {
            const bool refused = channel != nullptr && result.error().failure == Failure::refused;
            if (refused) port::add(channel->port().stats()->refused_bytes, write_.bytes.size() - write_.taken);
            return call_.fail(result.error(), {.bytes_taken = write_.taken});
        }
        if (channel != nullptr) response_.set_tx_offset(channel->port().tx_offset());
        response_.set_bytes_written(write_.taken);
        call_.succeed();
    }

    void expire() {
        take_back();
        done(Error{Failure::timed_out, 0, "",
                   "the queue of port \"" + port_ + "\" took " + std::to_string(write_.taken) + " of " +
                       std::to_string(write_.bytes.size()) + " bytes before the deadline"});
    }

    void take_back() {
        hub::Channel::withdraw(write_);
        finished_ = true;
        timer_.cancel();
    }

    UnaryCall& call_;
    WaitingBytes& waiting_;
    bool is_waiting_ = false;
    const std::string port_;
    hub::Writer writer_;
    hub::PendingWrite write_;
    boost::asio::steady_timer timer_;
    v1::WriteResponse& response_;
    bool finished_ = false;
};

}  // namespace

grpc::ServerUnaryReactor* ConsoleService::Write(grpc::CallbackServerContext* context, const v1::WriteRequest* request,
                                                v1::WriteResponse* response) {
    return UnaryCall::start(
        environment_, {context, request}, Method::write, request->port(),
        [=, this](UnaryCall& call, hub::Channel& channel) {
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
            const auto write = std::make_shared<WaitingWrite>(call, waiting_, channel,
                                                              base::printable_text(context->peer()), bytes, *response);
            call.hold(write);
            write->start(channel, context->deadline());
        });
}

}  // namespace vserd::rpc
