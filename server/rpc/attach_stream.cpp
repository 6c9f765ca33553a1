#include "rpc/attach_stream.hpp"

#include <algorithm>

#include "rpc/console_service.hpp"
#include "rpc/stream_host.hpp"

namespace vserd::rpc {
namespace {

/// The holder of the port, as an event that is sent to one stream, at its place in the log, and is not in the log.
v1::AttachResponse writer_event(const hub::Channel& channel, std::uint64_t offset) {
    v1::AttachResponse response;
    v1::Event& event = *response.mutable_event();
    event.set_offset(offset);
    to_proto(std::chrono::system_clock::now(), *event.mutable_time());
    v1::WriterChanged& writer = *event.mutable_writer();
    if (const hub::Lease* held = channel.leases().held()) {
        writer.set_client(held->holder.client);
        writer.set_via(held->holder.via);
        writer.set_reason(held->reason);
        to_proto(held->since, *writer.mutable_since());
    }
    return response;
}

/// Whether the port rejected a request because of a lease: the stream goes on.
bool is_refusal(const Error& error) {
    return error.failure == Failure::refused || error.failure == Failure::lease_lost;
}

/// The name of the field that a request sets.
std::string request_name(const v1::AttachRequest& request) {
    const auto* field = v1::AttachRequest::descriptor()->FindFieldByNumber(request.item_case());
    return field != nullptr ? field->name() : std::string{};
}

hub::SessionMode session_mode(v1::Mode mode) {
    // The modes are in the order of our enumerators.
    static_assert(static_cast<int>(hub::SessionMode::read_only) == v1::MODE_READ_ONLY);
    static_assert(static_cast<int>(hub::SessionMode::exclusive) == v1::MODE_EXCLUSIVE);
    return mode == v1::MODE_UNSPECIFIED ? hub::SessionMode::read_write : static_cast<hub::SessionMode>(mode);
}

}  // namespace

AttachStream::AttachStream(StreamHost& host) : LogStream(host, Method::attach) {
    host.service().RequestAttach(&context(), &stream_, &host.queue(), &host.queue(), accept_tag());
}

void AttachStream::accepted() {
    new AttachStream(host());  // owns itself
}

void AttachStream::release() {
    watch_for_device(false);
    hub::Channel::withdraw(pending_);
    if (line_deadline_) line_deadline_->cancel();
    if (way_deadline_) way_deadline_->cancel();
    LogStream::release();
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
    operation_started();  // here, because the stream certainly still exists
    return true;
}

void AttachStream::read_next() { stream_.Read(&request_buffer_, &read_completion_); }

void AttachStream::request_completed(bool /*ok*/) {
    take_requests();
    make_way();
    operation_ended();
}

void AttachStream::take_requests() {
    if (taking_) return;  // the running call continues
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

/// request_ is done.
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
    }  // otherwise half-closed: the replies continue
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
        case v1::AttachRequest::kBreak:
        case v1::AttachRequest::kSetBaud:
        case v1::AttachRequest::kSetFormat:
        case v1::AttachRequest::kFlush: return take_line_request();
        case v1::AttachRequest::kAcquire:
        case v1::AttachRequest::kRelease: return take_lease_request();
        case v1::AttachRequest::kAcknowledged: return request_taken();  // gRPC's flow control does that
        case v1::AttachRequest::ITEM_NOT_SET: break;
    }
    finish(invalid_field("item",
                         "a message holds none of data, text, set_signals, break, set_baud, set_format, flush, acquire "
                         "and release"));
}

void AttachStream::take_open(const v1::Open& open) {
    if (open.mode() < v1::MODE_UNSPECIFIED || open.mode() > v1::MODE_EXCLUSIVE) {
        return finish(invalid_field("mode", "mode must be MODE_READ_ONLY, MODE_READ_WRITE or MODE_EXCLUSIVE"));
    }
    auto client = client_name(open.client(), session().client().peer);
    if (!client) return finish(client.error(), {.port = open.port()});
    start_session(std::move(*client));
    if (!LogStream::open(open.port(), open.from(), open.encoding(), session_mode(open.mode()))) return;
    opened_ = true;
    mode_ = open.mode();
    if (const auto allowed = port().check_role(access::Role::write); !allowed) {
        if (mode_ == v1::MODE_READ_WRITE || mode_ == v1::MODE_EXCLUSIVE) {
            return finish(allowed.error(), {.port = port_name()});
        }
        mode_ = v1::MODE_READ_ONLY;
    }
    if (mode_ == v1::MODE_READ_ONLY) return answer_open();
    port().present(open.lease());
    if (open.lease() != 0) {  // which is as good as MODE_EXCLUSIVE
        if (const auto access = port().check_access(access::Role::write); !access) {
            return finish(access.error(), {.port = port_name()});
        }
        return answer_open();
    }
    mode_ == v1::MODE_EXCLUSIVE ? acquire_exclusive() : answer_open();
}

/// May have to wait until the port has sent what an earlier holder left.
void AttachStream::acquire_exclusive() {
    hold_back();
    operation_started();  // the reply finds the stream in place
    port().acquire_exclusive(/*takeover=*/false, {}, [this](const Result<void>& result) {
        resume();
        if (!ending()) result ? answer_open() : finish(result.error(), {.port = port_name()});
        operation_ended();
    });
}

void AttachStream::answer_open() {
    when_placed([this] { send_opened(); });
}

void AttachStream::send_opened() {
    v1::AttachResponse response;
    v1::Opened& opened = *response.mutable_opened();
    to_proto(*port(), port().role(), *opened.mutable_port());
    opened.set_role(to_proto(port().role()));
    opened.set_offset(first_offset());
    opened.set_tx_recorded(port()->records_tx());
    queue(to_buffer(response));
    if (!port()->holder().empty() && !port().check_access(access::Role::write)) {
        queue(to_buffer(writer_event(*port(), offset())));
    }
    pump();
    request_taken();
}

/// On an error, ends the call.
bool AttachStream::may_write() {
    if (mode_ != v1::MODE_READ_ONLY) return true;
    if (const auto allowed = port().check_role(access::Role::write); port() && !allowed) {
        finish(allowed.error(), {.port = port_name()});
        return false;
    }
    finish(Error{Failure::unsupported, 0, "mode", "this stream was opened read-only; open it with another mode"});
    return false;
}

void AttachStream::take_bytes(const std::string& bytes) {
    if (!may_write()) return;
    if (bytes.size() > request_payload_bytes_max) return finish(payload_too_large(bytes.size()));
    if (bytes.empty()) return request_taken();
    if (!port()) return finish(port_removed(port_name()));
    pending_.bytes = std::as_bytes(std::span(bytes));  // owned by request_, which stays until the next read
    pending_.taken = 0;
    pending_.wait_while_offline = true;
    pending_.done = [this](const Result<void>& result) {
        if (ending()) return;
        if (result) return request_taken();
        if (port() && is_refusal(result.error())) {
            return refuse(pending_.bytes.size() - pending_.taken, {});
        }
        finish(port() ? result.error() : port_removed(port_name()),
               {.port = port_name(), .bytes_taken = pending_.taken});
    };
    port().submit(pending_);
}

void AttachStream::take_lease_request() {
    if (!may_write()) return;
    if (!port()) return finish(port_removed(port_name()));
    if (request_.has_acquire()) {
        auto reason = lease_reason(request_.acquire().reason());
        if (!reason) return finish(invalid_field("acquire.reason", reason.error().message));
        port().present(0);
        operation_started();  // the reply finds the stream in place
        return port().acquire_exclusive(request_.acquire().takeover(), std::move(*reason),
                                        [this](const Result<void>& result) {
                                            if (!ending()) acquired(result);
                                            operation_ended();
                                        });
    }
    if (!request_.release())
        return finish(invalid_field("release", "release is false; set it to true or leave it out"));
    port().present(0);
    port().release_exclusive();
    request_taken();
}

void AttachStream::acquired(const Result<void>& result) {
    if (!result) {
        if (port() && result.error().failure == Failure::denied) {
            return refuse(0, request_name(request_), access::Role::admin);
        }
        if (port() && is_refusal(result.error())) return refuse(0, request_name(request_));
        return finish(result.error(), {.port = port_name()});
    }
    refusal_ = writer_event(*port(), 0);
    refusal_->mutable_event()->mutable_writer()->set_own(true);
    announce_refusal();
}

void AttachStream::take_line_request() {
    if (!may_write()) return;
    if (!port()) return finish(port_removed(port_name()));
    if (const auto allowed = port().check_role(access::Role::control); !allowed) {
        watch_for_device(false);
        return refuse(0, request_name(request_), access::Role::control);
    }
    const bool refused = !port().check_access(access::Role::control);
    const bool offline = port()->port().state() == port::PortState::offline;
    watch_for_device(offline && !refused);  // the request waits for the device, as bytes do
    if (refused) return refuse(0, request_name(request_));
    if (!offline) start_line_request();
}

void AttachStream::watch_for_device(bool on) {
    if (on == watching_) return;
    watching_ = on;
    on ? session().add_watcher(*this) : session().remove_watcher(*this);
}

void AttachStream::start_line_request() {
    switch (request_.item_case()) {
        case v1::AttachRequest::kBreak: return send_break();
        case v1::AttachRequest::kSetBaud: return change_settings(line::SettingsChange{.baud = request_.set_baud()});
        case v1::AttachRequest::kSetFormat: return change_settings(settings_change(request_.set_format()));
        case v1::AttachRequest::kFlush: return flush();
        default: return set_signals();
    }
}

/// Another client holds the port, or the request needs a higher role. This client stays attached and gets an event. The next request is taken only after that event
/// was sent, so that a client that does not read cannot accumulate such events.
void AttachStream::refuse(std::uint64_t bytes, std::string request, std::optional<access::Role> needed) {
    refusal_ = writer_event(*port(), 0);
    refusal_->mutable_event()->mutable_writer()->set_refused_bytes(bytes);
    refusal_->mutable_event()->mutable_writer()->set_refused_request(std::move(request));
    if (needed) {
        refusal_->mutable_event()->mutable_writer()->set_needed_role(to_proto(*needed));
        refusal_->mutable_event()->mutable_writer()->set_held_role(to_proto(port().role()));
    }
    announce_refusal();
}

void AttachStream::announce_refusal() {
    if (!refusal_ || ending()) return;
    if (!ready()) return want_room();
    refusal_->mutable_event()->set_offset(offset());
    queue(to_buffer(*refusal_));
    refusal_.reset();
    pump();
    request_taken();
}

void AttachStream::on_ready() {
    announce_refusal();
    LogStream::on_ready();
}

void AttachStream::on_port_event(const hub::Channel& channel, const log::EventItem& event) {
    if (watching_ && port() && &channel == &*port() && std::holds_alternative<port::CameOnline>(event.event))
        take_line_request();
}

void AttachStream::set_signals() {
    const v1::SignalChange& wanted = request_.set_signals();
    line::SignalChange change;
    if (wanted.has_dtr()) change.dtr = wanted.dtr();
    if (wanted.has_rts()) change.rts = wanted.rts();
    if (!change.dtr && !change.rts) {
        return finish(invalid_field("set_signals", "set_signals names neither dtr nor rts; give one"));
    }
    operation_started();  // the reply finds the stream in place
    port().set_modem_lines(change, [this](const Result<line::Signals>& signals) {
        line_request_done(signals ? Result<void>{} : Result<void>{signals.error()});
    });
}

void AttachStream::send_break() {
    const auto duration = break_duration(request_.break_().has_duration(), request_.break_().duration());
    if (!duration) return finish(duration.error());
    operation_started();
    line_deadline_ = std::chrono::steady_clock::now() + no_deadline;
    port().send_break(*duration, *line_deadline_, [this](const Result<void>& result) { line_request_done(result); });
}

void AttachStream::change_settings(const Result<line::SettingsChange>& change) {
    if (!change) return finish(change.error());
    operation_started();
    line_deadline_ = std::chrono::steady_clock::now() + no_deadline;
    port().change_settings(*change, *line_deadline_, [this](const Result<line::Settings>& settings) {
        line_request_done(settings ? Result<void>{} : Result<void>{settings.error()});
    });
}

void AttachStream::flush() {
    const auto direction = flush_direction(request_.flush());
    if (!direction) return finish(direction.error());
    operation_started();
    const auto reply = [this](const Result<std::uint64_t>& discarded) {
        line_request_done(discarded ? Result<void>{} : Result<void>{discarded.error()});
    };
    port().flush(*direction, reply);
}

void AttachStream::line_request_done(const Result<void>& result) {
    if (!ending()) {
        if (result) {
            request_taken();
        } else if (port() && is_refusal(result.error())) {
            refuse(0, request_name(request_));  // the lease ended while the request waited
        } else if (result.error().failure == Failure::unavailable && port() &&
                   port()->port().state() == port::PortState::offline) {
            take_line_request();  // the device was disconnected meanwhile: wait for it
        } else {
            finish(port() ? result.error() : port_removed(port_name()), {.port = port_name()});
        }
    }
    operation_ended();
}

}  // namespace vserd::rpc
