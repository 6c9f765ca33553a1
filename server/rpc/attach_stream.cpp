#include "rpc/attach_stream.hpp"

#include <algorithm>

#include "rpc/console_service.hpp"
#include "rpc/stream_host.hpp"

namespace vserd::rpc {
namespace {

constexpr std::chrono::hours no_deadline{24 * 365};

}  // namespace

AttachStream::AttachStream(StreamHost& host) : LogStream(host, Method::attach) {
    host.service().RequestAttach(&context(), &stream_, &host.queue(), &host.queue(), accept_tag());
}

void AttachStream::accepted() {
    new AttachStream(host());  // owns itself
}

void AttachStream::release() {
    if (watching_) environment().hub.remove_watcher(*this);
    watching_ = false;
    hub::Channel::withdraw(pending_);
    if (break_deadline_) break_deadline_->let_pass();
    LogStream::release();  // before the writer, whose giving up exclusive access is an event of the log
    writer_.reset();
}

void AttachStream::read_request() {
    operation_started();
    stream_.Read(&request_buffer_, &read_completion_);
}

bool AttachStream::request_arrived(bool ok) {
    v1::AttachRequest request;
    const bool valid = ok && parse(request_buffer_, request);
    const std::size_t bytes = request_buffer_.Length();
    request_buffer_.Clear();
    if (!valid) {
        inbox_.put_end(ok ? RequestInbox::End::invalid : RequestInbox::End::ended);
        return false;
    }
    if (!inbox_.put(std::move(request), bytes)) return false;
    operation_started();  // here, where the stream is sure to be there still
    return true;
}

void AttachStream::read_next() { stream_.Read(&request_buffer_, &read_completion_); }

void AttachStream::request_completed(bool /*ok*/) {
    take_requests();
    operation_ended();
}

void AttachStream::take_requests() {
    if (taking_) return;  // whoever does goes on
    taking_ = true;
    while (!busy_ && !ending()) {
        auto taken = inbox_.take();
        if (taken.read_on) read_request();
        if (!taken.request) {
            take_end(taken.end);
            break;
        }
        request_ = std::move(*taken.request);
        busy_ = true;
        take_request();
    }
    taking_ = false;
}

/// The port has what request_ asked for.
void AttachStream::request_taken() {
    busy_ = false;
    take_requests();
}

void AttachStream::take_end(RequestInbox::End end) {
    if (end == RequestInbox::End::invalid) {
        finish(invalid_field("", "a message is not a vser.v1.AttachRequest"));
    } else if (end == RequestInbox::End::no_memory) {
        finish(environment().admission.memory_refusal());
    } else if (end == RequestInbox::End::ended && !opened_) {
        finish(invalid_field("open", "the first message must be `open`, and none came"));
    }  // else half-closed: the replies go on
}

void AttachStream::take_request() {
    const auto item = request_.item_case();
    if (opened_ == (item == v1::AttachRequest::kOpen)) {
        return finish(invalid_field(
            "open", opened_ ? "`open` may only be the first message" : "the first message must be `open`"));
    }
    switch (item) {
        case v1::AttachRequest::kOpen: return take_open(request_.open());
        case v1::AttachRequest::kData: return take_bytes(request_.data());
        case v1::AttachRequest::kText: return take_bytes(request_.text());
        case v1::AttachRequest::kSetSignals:
        case v1::AttachRequest::kBreak: return take_line_request();
        case v1::AttachRequest::ITEM_NOT_SET: break;
    }
    finish(invalid_field("item", "a message holds none of data, text, set_signals and break"));
}

void AttachStream::take_open(const v1::Open& open) {
    if (open.mode() < v1::MODE_UNSPECIFIED || open.mode() > v1::MODE_EXCLUSIVE) {
        return finish(invalid_field("mode", "mode must be MODE_READ_ONLY, MODE_READ_WRITE or MODE_EXCLUSIVE"));
    }
    hub::Channel* channel = LogStream::open(open.port(), open.from(), open.encoding());
    if (channel == nullptr) return;
    opened_ = true;
    mode_ = open.mode();
    if (const auto acquired = acquire(*channel, open); !acquired) return finish(acquired.error(), {.port = port()});

    v1::AttachResponse response;
    v1::Opened& opened = *response.mutable_opened();
    to_proto(*channel, *opened.mutable_port());
    opened.set_offset(std::max(offset(), channel->log().oldest_offset()));
    queue(to_buffer(response));
    pump();
    request_taken();
}

Result<void> AttachStream::acquire(hub::Channel& channel, const v1::Open& open) {
    auto client = client_name(open.client(), context().peer());
    if (!client) return client.error();
    if (mode_ == v1::MODE_READ_ONLY) return {};
    writer_ = std::make_unique<hub::Writer>(channel, std::move(*client));
    return mode_ == v1::MODE_EXCLUSIVE ? writer_->acquire_exclusive() : Result<void>{};
}

void AttachStream::take_bytes(const std::string& bytes) {
    if (!writer_) {
        return finish(
            Error{Failure::unsupported, 0, "mode", "this stream was opened read-only; open it with another mode"});
    }
    if (bytes.size() > request_payload_bytes_max) return finish(payload_too_large(bytes.size()));
    if (bytes.empty()) return request_taken();
    hub::Channel* channel = environment().hub.find(port());
    if (channel == nullptr) return finish(port_removed(port()));
    pending_.bytes = std::as_bytes(std::span(bytes));  // of request_, which stays until the next read
    pending_.taken = 0;
    pending_.wait_while_offline = true;
    pending_.done = [this](const Result<void>& result) {
        if (ending()) return;
        if (result) return request_taken();
        const bool removed = environment().hub.find(port()) == nullptr;
        finish(removed ? port_removed(port()) : result.error(), {.port = port(), .bytes_taken = pending_.taken});
    };
    channel->submit(*writer_, pending_);
}

void AttachStream::take_line_request() {
    if (!writer_) {
        return finish(
            Error{Failure::unsupported, 0, "mode", "this stream was opened read-only; open it with another mode"});
    }
    hub::Channel* channel = environment().hub.find(port());
    if (channel == nullptr) return finish(port_removed(port()));
    if (channel->port().state() == port::PortState::offline) {  // as bytes do, it waits for the device
        if (!watching_) environment().hub.add_watcher(*this);
        watching_ = true;
        return;
    }
    if (watching_) environment().hub.remove_watcher(*this);
    watching_ = false;
    if (request_.item_case() == v1::AttachRequest::kBreak) return send_break(channel->port());
    set_signals(channel->port());
}

void AttachStream::on_port_event(hub::Channel& channel, const hub::EventItem& event) {
    if (watching_ && channel.name() == port() && std::holds_alternative<port::CameOnline>(event.event))
        take_line_request();
}

void AttachStream::set_signals(port::Port& port) {
    const v1::SignalChange& wanted = request_.set_signals();
    line::SignalChange change;
    if (wanted.has_dtr()) change.dtr = wanted.dtr();
    if (wanted.has_rts()) change.rts = wanted.rts();
    if (!change.dtr && !change.rts) {
        return finish(invalid_field("set_signals", "set_signals names neither dtr nor rts; give one"));
    }
    operation_started();  // the reply finds the stream in place
    port.set_signals(change, [this](const Result<line::Signals>& signals) {
        line_request_done(signals ? Result<void>{} : Result<void>{signals.error()});
    });
}

void AttachStream::send_break(port::Port& port) {
    const auto duration = break_duration(request_.break_().has_duration(), request_.break_().duration());
    if (!duration) return finish(duration.error());
    operation_started();
    break_deadline_ = std::chrono::steady_clock::now() + no_deadline;
    port.send_break(*duration, *break_deadline_, [this](const Result<void>& result) { line_request_done(result); });
}

void AttachStream::line_request_done(const Result<void>& result) {
    if (!ending()) {
        const hub::Channel* channel = environment().hub.find(port());
        if (result) {
            request_taken();
        } else if (result.error().failure == Failure::unavailable && channel != nullptr &&
                   channel->port().state() == port::PortState::offline) {
            take_line_request();  // the device went away meanwhile: wait for it
        } else {
            finish(channel == nullptr ? port_removed(port()) : result.error(), {.port = port()});
        }
    }
    operation_ended();
}

}  // namespace vserd::rpc
