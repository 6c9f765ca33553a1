#include "rpc/byte_stream.hpp"

#include <utility>

#include "rpc/caller.hpp"
#include "rpc/stream_host.hpp"
#include "rpc/wire.hpp"

namespace vserd::rpc {

StreamPresence::StreamPresence(StreamHost& host) : host_(host) { host_.stream_made(); }

StreamPresence::~StreamPresence() { host_.stream_gone(); }

ByteStream::ByteStream(StreamHost& host, Method method) : presence_(host), method_(method) {
    context_.AsyncNotifyWhenDone(&end_completion_);
}

Environment& ByteStream::environment() const noexcept { return host().environment(); }

void ByteStream::accept_arrived(bool ok) {
    if (!ok) return;
    auto admitted = admit(environment(), context_, net::stream_bytes, 0);
    if (admitted) {
        ticket_ = std::move(admitted->ticket);
        client_ = std::move(admitted->client);
    } else {
        refusal_ = admitted.error();
    }
    accepted();
}

Result<void> ByteStream::hold(std::size_t bytes) {
    if (bytes == 0) return {};
    if (!held_) held_ = ticket_.another();
    if (held_->grow(bytes)) return {};
    return environment().admission.memory_refusal();
}

Result<void> ByteStream::hold_for_archive(std::size_t bytes) {
    if (bytes == archive_bytes_held_) return {};
    if (bytes > archive_bytes_held_) {
        if (auto held = hold(bytes - archive_bytes_held_); !held) return held;
    } else {
        held_->shrink(archive_bytes_held_ - bytes);
    }
    archive_bytes_held_ = bytes;
    return {};
}

bool ByteStream::take_request(grpc::ByteBuffer& buffer, google::protobuf::MessageLite& request) {
    const std::size_t bytes = buffer.Length();
    ticket_.received(bytes);
    if (!refusal_ && !ticket_.grow(bytes)) refusal_ = environment().admission.memory_refusal();
    const bool valid = !refusal_ && parse(buffer, request);
    buffer.Clear();
    return valid;
}

void ByteStream::accept_completed(bool ok) {
    if (!ok) {  // the server shut down before a call came; gRPC then never reports the end of the call
        delete this;
        return;
    }
    if (refusal_) return finish(*refusal_);
    if (const auto refusal = host().enter(*this)) return finish(*refusal);
    start_session({});
    auto slot = session_->open_stream();
    if (!slot) return finish(slot.error());
    slot_ = std::move(*slot);
    begin();
}

void ByteStream::start_session(std::string client) {
    client_.name = std::move(client);
    session_.emplace(environment().hub, client_);
}

void ByteStream::send(const grpc::ByteBuffer& message) {
    writing_ = true;
    flight_.store(Flight::underway, std::memory_order_relaxed);
    operation_started();
    start_write(message, &write_completion_);
}

void ByteStream::send_headers() {
    writing_ = true;
    flight_.store(Flight::awaited, std::memory_order_relaxed);
    operation_started();
    start_headers(&write_completion_);
}

void ByteStream::want_room() {
    if (writing_ && flight_.exchange(Flight::awaited, std::memory_order_acq_rel) == Flight::out) host().deliver_soon();
}

bool ByteStream::write_is_awaited() noexcept {
    return flight_.exchange(Flight::out, std::memory_order_acq_rel) == Flight::awaited;
}

void ByteStream::write_completed(bool ok) {
    writing_ = false;
    if (ending_) {
        end();
    } else if (ok) {
        on_ready();
    }  // otherwise the call is broken, and its end is reported next
    operation_ended();
}

void ByteStream::finish(const grpc::Status& status) {
    if (ending_) return;
    ending_ = true;
    status_ = status;
    release();
    writing_ ? want_room() : end();
}

void ByteStream::end() {
    if (over_) {
        status_ = grpc::Status::CANCELLED;
        return;
    }
    operation_started();
    start_finish(status_, &finish_completion_);
}

void ByteStream::finish_completed(bool ok) {
    if (!ok) status_ = grpc::Status::CANCELLED;
    operation_ended();
}

void ByteStream::call_ended(bool /*ok*/) {
    over_ = true;
    if (!ending_) {
        ending_ = true;
        release();
    }
    operation_ended();
}

void ByteStream::operation_ended() {
    if (operations_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    environment().counters.count(method_, status_.error_code());
    delete this;
}

}  // namespace vserd::rpc
