#include "rpc/log_stream.hpp"

#include "rpc/stream_host.hpp"

namespace vserd::rpc {

hub::Channel* LogStream::open(const std::string& port, const v1::StartPoint& from, v1::Encoding encoding) {
    port_ = port;
    const auto fail = [&](const Error& error, const hub::Channel* channel = nullptr) -> hub::Channel* {
        ErrorContext details{.port = port_};
        if (channel != nullptr && error.failure == Failure::out_of_range) details.head = channel->log().next_offset();
        finish(error, details);
        return nullptr;
    };
    const auto text = wants_text(encoding);
    if (!text) return fail(text.error());
    const auto start = start_point(from, "from");
    if (!start) return fail(start.error());
    const auto channel = environment().hub.require(port);
    if (!channel) return fail(channel.error());
    auto reader = (*channel)->attach(*start, *this);
    if (!reader) return fail(reader.error(), *channel);
    reader_ = std::move(*reader);
    encoder_ = std::make_unique<ItemEncoder>(host().data_cache(), *text);
    opened_ = log::BootClock::now();
    return *channel;
}

void LogStream::pump() {
    while (ready()) {
        if (outbox_.empty() && !fill_outbox()) return;
        if (outbox_.empty()) continue;
        send(outbox_.front());
        outbox_.erase(outbox_.begin());
    }
    if (!ending() && !waits_at_head()) want_room();
}

/// Whether there is nothing to do when the message in flight is out.
bool LogStream::waits_at_head() {
    return outbox_.empty() && reader_ && bytes_wanted() > 0 && wait_at_head() && !reader_->has_more();
}

/// Whether pump() should look again: there are messages, or an item made none.
bool LogStream::fill_outbox() {
    if (completing_) {
        finish(grpc::Status::OK);
        return false;
    }
    if (!reader_) return false;
    const std::size_t bytes_max = bytes_wanted();
    if (bytes_max == 0) {
        complete();
        return false;
    }
    const auto item = reader_->next(bytes_max);
    if (item && accept(*item)) {
        const hub::Channel* channel = reader_->channel();
        encoder_->encode(*item, channel != nullptr && channel->readers() > 1, outbox_);
        const auto* data = std::get_if<log::DataItem>(&*item);
        // History is as old as it is; only what arrived since the stream opened tells how long delivery takes.
        if (data != nullptr && data->received.boot >= opened_) {
            environment().hub.delivery().observe(log::BootClock::now() - data->received.boot);
        }
        return true;
    }
    if (item || !wait_at_head()) complete();
    return false;
}

void LogStream::complete() {
    if (completing_) return;
    completing_ = true;
    encoder_->flush(outbox_);
    reader_.reset();
    pump();
}

void LogStream::release() {
    reader_.reset();
    outbox_.clear();
}

void LogStream::on_closed() { finish(port_removed(port_), {.port = port_}); }

}  // namespace vserd::rpc
