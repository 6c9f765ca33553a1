#include "rpc/log_stream.hpp"

#include <utility>

#include "hub/delivery_histogram.hpp"
#include "rpc/stream_host.hpp"

namespace vserd::rpc {

bool LogStream::open(const std::string& port, const v1::StartPoint& from, v1::Encoding encoding,
                     hub::SessionMode mode) {
    const auto refuse = [&](const Error& error) {
        fail(error);
        return false;
    };
    port_name_ = port;
    const auto text = wants_text(encoding);
    if (!text) return refuse(text.error());
    const auto start = start_point(from, "from");
    if (!start) return refuse(start.error());
    if (!open_port(port)) return false;
    auto reader = port_.attach(*start, *this, mode);
    if (!reader) return refuse(reader.error());
    reader_ = std::move(*reader);
    if (const auto held = hold_for_archive(reader_->archive_bytes()); !held) return refuse(held.error());
    encoder_ = std::make_unique<ItemEncoder>(host().data_cache(), *text);
    opened_ = log::BootClock::now();
    return true;
}

bool LogStream::open_port(const std::string& port) {
    port_name_ = port;
    auto opened = session().open(port);
    if (!opened) {
        fail(opened.error());
        return false;
    }
    port_ = std::move(*opened);
    return true;
}

void LogStream::fail(const Error& error) {
    ErrorContext details{.port = port_name_};
    if (port_ && error.failure == Failure::out_of_range) details.head = port_->log().next_offset();
    finish(error, details);
}

void LogStream::pump() {
    if (held_back_ || when_placed_) return;
    while (ready()) {
        if (outbox_.empty() && !fill_outbox()) return;
        if (outbox_.empty()) continue;
        send(outbox_.front());
        outbox_.erase(outbox_.begin());
    }
    if (!ending() && !waits_at_head()) want_room();
}

/// Whether there is nothing to do after the message in flight.
bool LogStream::waits_at_head() {
    return outbox_.empty() && reader_ && bytes_wanted() > 0 && wait_at_head() && !reader_->has_more();
}

/// Whether pump() should continue: there are messages, or the last item made none.
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
    const auto item = reader_->next(bytes_max, times());
    static_cast<void>(hold_for_archive(reader_->archive_bytes()));  // never more than at the beginning
    if (item && accept(*item)) {
        const hub::Channel* channel = reader_->channel();
        encoder_->encode(*item, channel != nullptr && channel->readers() > 1, outbox_);
        const auto* data = std::get_if<log::DataItem>(&*item);
        // Measure only bytes that arrived after the stream opened; history is old by nature.
        if (data != nullptr && data->received.boot >= opened_) {
            session().delivery().observe(log::BootClock::now() - data->received.boot);
        }
        return true;
    }
    if (item || (!wait_at_head() && !reader_->is_loading())) complete();
    return false;
}

void LogStream::on_available() {
    if (const auto placed = std::exchange(when_placed_, nullptr)) return placed();
    pump();
}

void LogStream::when_placed(std::function<void()> call) {
    if (reader_->is_placed() || reader_->has_more()) return call();
    when_placed_ = std::move(call);
}

void LogStream::complete() {
    if (completing_) return;
    completing_ = true;
    encoder_->flush(outbox_);
    reader_.reset();
    pump();
}

void LogStream::release() {
    reader_.reset();  // before the port: releasing exclusive access adds an event to the log
    when_placed_ = nullptr;
    outbox_.clear();
    port_ = {};
}

}  // namespace vserd::rpc
