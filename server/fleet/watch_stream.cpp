#include "fleet/watch_stream.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace vserd::fleet {

namespace pb = etcdserverpb;

WatchStream::WatchStream(std::shared_ptr<boost::asio::io_context> context, Link& link,
                         std::shared_ptr<Connection> connection, const EtcdSettings& settings)
    : context_(std::move(context)), settings_(settings), ticket_(link, std::move(connection)), changed_(*context_) {
    // A member without a leader would report nothing, however long; this makes it end the stream.
    ticket_.context.AddMetadata("hasleader", "true");
}

void WatchStream::start(const pb::WatchCreateRequest& request) {
    *request_.mutable_create_request() = request;
    ticket_.connection->watch->async()->Watch(&ticket_.context, this);
    held_ = true;
    writing_ = true;
    AddHold();  // reads and writes are started outside of reactions
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
}

void WatchStream::OnReadDone(bool ok) {
    boost::asio::post(*context_, [this, ok] {
        (ok ? arrived_ : ended_) = true;
        changed_.notify();
    });
}

void WatchStream::OnWriteDone(bool /*ok*/) {
    boost::asio::post(*context_, [this] { writing_ = false; });
}

void WatchStream::OnDone(const grpc::Status& status) {
    const auto context = context_;  // this may be gone before post() returns
    boost::asio::post(*context, [this, status] {
        status_ = status;
        changed_.notify();
    });
}

Awaitable<Result<pb::WatchResponse>> WatchStream::next(Clock::time_point limit) {
    while (!arrived_ && !ended_ && Clock::now() < limit) co_await changed_.wait_until(limit);
    if (arrived_) {
        arrived_ = false;
        pb::WatchResponse message;
        message.Swap(&response_);
        response_.Clear();
        StartRead(&response_);
        co_return message;
    }
    if (!ended_) co_return Error{Failure::timed_out, 0, "unreachable", "etcd sends nothing"};
    co_await end();
    co_return to_error(status_->ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream has ended") : *status_,
                       connection()->endpoint, settings_);
}

void WatchStream::ask_for_progress() {
    if (std::exchange(writing_, true)) return;
    request_.Clear();
    request_.mutable_progress_request();
    StartWrite(&request_);
}

Awaitable<> WatchStream::end() {
    if (std::exchange(held_, false)) {
        if (!ended_) ticket_.context.TryCancel();  // otherwise the status tells why it has ended
        RemoveHold();
    }
    // gRPC calls back soon, because the call is cancelled.
    while (!status_) co_await changed_.wait_for(std::chrono::seconds(1));
}

}  // namespace vserd::fleet
