#include "rpc/collect_stream.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "hub/delivery_histogram.hpp"
#include "rpc/console_service.hpp"
#include "rpc/stream_host.hpp"

namespace vserd::rpc {
namespace {

/// The maximum of bytes that one port sends in a row, so that a busy port leaves room for the others.
constexpr std::size_t record_payload_bytes_max = std::size_t{16} << 10;
/// No more records are added to a message of this size: large enough for many ports, small enough to be sent quickly.
constexpr std::size_t message_bytes_wanted = std::size_t{64} << 10;

}  // namespace

CollectStream::CollectStream(StreamHost& host) : ByteStream(host, Method::collect) {
    host.service().RequestCollect(&context(), &request_buffer_, &writer_, &host.queue(), &host.queue(), accept_tag());
}

void CollectStream::accepted() {
    new CollectStream(host());  // owns itself
    request_valid_ = take_request(request_buffer_, request_);
}

void CollectStream::begin() {
    if (!request_valid_) return finish(invalid_field("", "the request is not a vser.v1.CollectRequest"));
    opened_ = log::BootClock::now();
    end_of_turn_ = std::make_shared<CollectStream*>(this);
    if (const auto added = add_sources(); !added) return finish(added.error(), {.port = failed_port_});
    send_headers();
}

Result<void> CollectStream::add_sources() {
    if (request_.all() == !request_.sources().empty()) {
        return invalid_field("sources", request_.all() ? "both sources and all are given; choose one"
                                                       : "neither sources nor all is given; name ports or set all");
    }
    if (request_.all()) {
        session().add_watcher(*this);
        watching_ = true;
        Result<void> added;
        session().for_each_port([&](const hub::Channel& channel) {
            if (added && may_read(channel)) added = add_source(channel.name(), request_.from(), "from");
        });
        return added;
    }
    for (const v1::CollectSource& wanted : request_.sources()) {
        const bool twice = std::any_of(sources_.begin(), sources_.end(),
                                       [&](const Source& source) { return source.port() == wanted.port(); });
        failed_port_ = wanted.port();
        if (twice) return invalid_field("sources.port", fmt::format("port \"{}\" is in sources twice", wanted.port()));
        if (auto added = add_source(wanted.port(), wanted.from(), "sources.from"); !added) return added;
    }
    return {};
}

Result<void> CollectStream::add_source(const std::string& port, const v1::StartPoint& from, const std::string& field) {
    failed_port_ = port;
    auto opened = session().open(port);
    if (!opened) return opened.error();
    const auto start = start_point(from, field);
    if (!start) return start.error();
    Source& source = sources_.emplace_back(*this, port);
    auto attached = source.attach(std::move(*opened), *start);
    if (attached) attached = hold_for_archive(source, source.archive_bytes());
    if (!attached) {
        sources_.pop_back();
        return attached;
    }
    readable_.push_back(source);
    return {};
}

Result<void> CollectStream::Source::attach(hub::PortHandle port, const hub::StartPoint& start) {
    handle_ = std::move(port);
    auto reader = handle_.attach(start, *this);
    if (!reader) return reader.error();
    reader_ = std::move(*reader);
    return {};
}

/// What the reader of that source needs for reading the archive now.
Result<void> CollectStream::hold_for_archive(Source& source, std::size_t bytes) {
    const std::size_t all = archive_bytes_held_ - source.archive_bytes_held + bytes;
    if (auto held = ByteStream::hold_for_archive(all); !held) return held;
    archive_bytes_held_ = all;
    source.archive_bytes_held = bytes;
    return {};
}

void CollectStream::on_port_added(const hub::Channel& channel) {
    if (ending() || !may_read(channel)) return;
    v1::StartPoint from;
    if (const auto lost = lost_.extract(channel.name()); !lost.empty()) {
        from.set_offset(std::min(lost.mapped(), channel.log().next_offset()));
    } else {
        from.set_oldest(true);  // a reload added this port: send all of its log
    }
    if (const auto added = add_source(channel.name(), from, "from"); !added) {
        return finish(added.error(), {.port = failed_port_});
    }
    gather();
}

/// Adds the ports that the client may read now and could not before.
void CollectStream::on_rights_changed() {
    session().for_each_port([this](const hub::Channel& channel) {
        const bool collected = std::any_of(sources_.begin(), sources_.end(),
                                           [&](const Source& source) { return source.port() == channel.name(); });
        if (!collected) on_port_added(channel);
    });
}

void CollectStream::available(Source& source) {
    if (source.is_linked()) return;
    const bool first = readable_.empty();
    readable_.push_back(source);
    if (!first) return;
    if (!ready()) return want_room();
    // Other ports may have received bytes in this turn of the loop too.
    environment().loop.at_end_of_turn([stream = std::weak_ptr<CollectStream*>(end_of_turn_)] {
        if (const auto alive = stream.lock()) (*alive)->gather();
    });
}

void CollectStream::closed(Source& source, const Error& why) {
    const bool one_of_many = why.failure == Failure::denied || why.failure == Failure::unavailable;
    if (!request_.all() || !one_of_many || session().shutting_down()) return finish(why, {.port = source.port()});
    if (why.failure == Failure::denied) lost_[source.port()] = source.offset();
    if (source.is_linked()) readable_.erase(readable_.iterator_to(source));
    static_cast<void>(hold_for_archive(source, 0));  // less than before
    sources_.remove_if([&](const Source& other) { return &other == &source; });
}

void CollectStream::gather() {
    if (!ready()) return want_room();
    while (!readable_.empty() && builder_.size() < message_bytes_wanted) {
        Source& source = readable_.front();
        readable_.pop_front();
        const auto item = source.next(record_payload_bytes_max);
        static_cast<void>(hold_for_archive(source, source.archive_bytes()));  // never more than at the beginning
        if (!item) continue;  // it is at the head; on_available() follows when there is more
        readable_.push_back(source);
        append(source, *item);
    }
    if (builder_.size() > 0) send(builder_.take());
    if (!readable_.empty()) want_room();
}

void CollectStream::append(const Source& source, const log::Item& item) {
    if (const auto* data = std::get_if<log::DataItem>(&item)) {
        append_data_record(builder_, source.port(), *data);
        if (data->received.boot >= opened_) {
            session().delivery().observe(log::BootClock::now() - data->received.boot);
        }
        return;
    }
    v1::Record record;
    record.set_port(source.port());
    if (const auto* gap = std::get_if<log::GapItem>(&item)) {
        record.set_offset(gap->from);
        to_proto(*gap, *record.mutable_gap());
    } else {
        const auto& event = std::get<log::EventItem>(item);
        record.set_offset(event.offset);
        to_proto(event, *record.mutable_event());
    }
    append_record(builder_, record);
}

void CollectStream::release() {
    end_of_turn_.reset();
    if (watching_) session().remove_watcher(*this);
    watching_ = false;
    readable_.clear();
    sources_.clear();
}

}  // namespace vserd::rpc
