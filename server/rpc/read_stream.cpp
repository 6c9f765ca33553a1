#include "rpc/read_stream.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "rpc/console_service.hpp"
#include "rpc/stream_host.hpp"
#include "rpc/wire.hpp"

namespace vserd::rpc {
namespace {

constexpr std::size_t batch_bytes_max = std::size_t{16} << 10;

void encode(const LogSearch::Progress& progress, v1::Progress& message) {
    message.set_offset(progress.offset);
    to_proto(progress.received, *message.mutable_receive_time());
}

Result<search::Context> context_of(const v1::ReadRequest& request) {
    for (const auto& [lines, field] :
         {std::pair{request.lines_before(), "lines_before"}, {request.lines_after(), "lines_after"}}) {
        if (lines > 0 && request.match().empty()) {
            return invalid_field(field, fmt::format("{} requires match", field));
        }
        if (lines > search::context_lines_max) {
            return invalid_field(field,
                                 fmt::format("{} is {}; the maximum is {}", field, lines, search::context_lines_max));
        }
    }
    return search::Context{request.lines_before(), request.lines_after()};
}

}  // namespace

ReadStream::ReadStream(StreamHost& host) : LogStream(host, Method::read) {
    life_.bind(alive_);
    host.service().RequestRead(&context(), &request_buffer_, &writer_, &host.queue(), &host.queue(), accept_tag());
}

void ReadStream::accepted() {
    new ReadStream(host());  // owns itself
    request_valid_ = take_request(request_buffer_, request_);
}

void ReadStream::begin() {
    if (!request_valid_) return finish(invalid_field("", "the request is not a vser.v1.ReadRequest"));
    bytes_left_ = request_.max_bytes() == 0 ? std::numeric_limits<std::uint64_t>::max() : request_.max_bytes();
    const bool searches = !request_.match().empty();
    if (searches ? !open_port(request_.port()) : !open(request_.port(), request_.from(), request_.encoding())) return;
    if (const auto end = set_end(); !end) return fail(end.error());
    if (searches) {
        if (const auto begun = begin_search(); !begun) return fail(begun.error());
    }
    send_headers();
    wait_for_end();
}

void ReadStream::release() {
    alive_.reset();  // no timer runs any more
    search_.reset();
    found_.clear();
    lines_.clear();
    LogStream::release();
}

void ReadStream::on_ready() { search_ ? pump_lines() : pump(); }

Result<void> ReadStream::set_end() {
    if (const auto context = context_of(request_); !context) return context.error();
    end_.emplace(port()->log(), request_.follow());
    return end_->set_until(request_.until());
}

/// A stream that follows ends at a time even if nothing arrives. With `match` the search waits.
void ReadStream::wait_for_end() {
    const auto when = end_->ask_again_at();
    if (!when || search_) return;
    if (!until_) until_.emplace(environment().loop, life_);
    until_->at(*when, [this] {
        if (!end_->waits_at_head()) return pump();
        wait_for_end();
    });
}

log::Times ReadStream::times() const {
    return request_.exact_times() || end_->needs_exact_times() ? log::Times::exact : log::Times::mixed;
}

std::size_t ReadStream::bytes_wanted() {
    const std::uint64_t wanted = std::min<std::uint64_t>(bytes_left_, reply_payload_bytes_max);
    return static_cast<std::size_t>(std::min(wanted, end_->bytes_left(offset())));
}

bool ReadStream::accept(const log::Item& item) {
    if (!end_->includes(item)) return false;
    if (const auto* data = std::get_if<log::DataItem>(&item)) bytes_left_ -= data->size;
    return true;
}

Result<void> ReadStream::begin_search() {
    const auto text = wants_text(request_.encoding());
    if (!text) return text.error();
    const auto from = start_point(request_.from(), "from");
    if (!from) return from.error();
    if (const auto access = port().check_role(access::Role::read); !access) return access.error();
    auto patterns = search::compile(request_.match(), "match");
    if (!patterns) return patterns.error();
    const search::Context context{request_.lines_before(), request_.lines_after()};
    if (const auto held = hold(search::pattern_memory_max + search::buffer_bytes(context)); !held) return held.error();
    line_encoder_.emplace(*text);
    search_ = std::make_unique<LogSearch>(
        environment(), *end_,
        LogSearch::Hooks{[this] { pump_lines(); }, [this](const Error& why) { finish(why, {.port = port_name()}); }});
    if (request_.report_progress()) search_->report_progress();
    if (const auto begun = search_->start(port(), *from, std::move(*patterns), context); !begun) return begun.error();
    return hold_for_archive(search_->archive_bytes());
}

void ReadStream::pump_lines() {
    while (ready()) {
        if (lines_.empty() && !take_lines()) return;
        if (lines_.empty()) continue;
        if (request_.batch_lines()) batch_lines();
        send(to_buffer(lines_.front()));
        lines_.pop_front();
    }
    if (!ending()) want_room();
}

/// Encodes the next item. Returns false if the call has ended, or the search goes on.
bool ReadStream::take_lines() {
    if (found_.empty()) {
        for (auto& item : search_->take()) found_.push_back(std::move(item));
        static_cast<void>(hold_for_archive(search_->archive_bytes()));  // never more than at the beginning
    }
    if (bytes_left_ == 0 || (found_.empty() && search_->ended())) {
        line_encoder_->flush(lines_);
        if (!lines_.empty()) return true;
        finish(grpc::Status::OK);
        return false;
    }
    if (found_.empty()) {
        search_->want();
        return false;
    }
    encode_next();
    return true;
}

void ReadStream::encode_next() {
    if (const auto* gap = std::get_if<log::GapItem>(&found_.front())) {
        line_encoder_->encode(*gap, lines_);
    } else if (const auto* progress = std::get_if<LogSearch::Progress>(&found_.front())) {
        encode(*progress, *lines_.emplace_back().mutable_progress());
    } else {
        auto& line = std::get<search::Line>(found_.front());
        const std::uint64_t size = std::min<std::uint64_t>(line.bytes.size(), bytes_left_);
        line_encoder_->encode(std::move(line), bytes_left_, lines_);
        bytes_left_ -= size;
    }
    found_.pop_front();
}

/// Puts the first message, and those that can follow, into one.
void ReadStream::batch_lines() {
    v1::ReadResponse batch;
    std::size_t bytes = 0;
    while (!lines_.empty() && bytes < batch_bytes_max && (lines_.front().has_data() || lines_.front().has_text())) {
        v1::ReadResponse& line = lines_.front();
        bytes += line.ByteSizeLong();
        if (line.has_data()) batch.mutable_lines()->add_data()->Swap(line.mutable_data());
        if (line.has_text()) batch.mutable_lines()->add_text()->Swap(line.mutable_text());
        lines_.pop_front();
        while (lines_.empty() && !found_.empty() && bytes_left_ > 0) encode_next();
    }
    if (batch.has_lines()) lines_.push_front(std::move(batch));
}

}  // namespace vserd::rpc
