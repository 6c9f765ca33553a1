#include "rpc/wait_for.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "rpc/console_service.hpp"
#include "rpc/convert.hpp"
#include "rpc/deadline.hpp"
#include "rpc/text_encoder.hpp"

namespace vserd::rpc {
namespace {

std::string utf8_of(std::string_view bytes) {
    TextEncoder encoder;
    std::string text;
    encoder.append(std::as_bytes(std::span(bytes)), text);
    encoder.flush(text);
    return text;
}

std::string_view without_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// Empty: until the call's deadline.
Result<std::optional<std::chrono::nanoseconds>> timeout_of(const v1::WaitForRequest& request) {
    if (!request.has_timeout()) return std::optional<std::chrono::nanoseconds>();
    const auto timeout = age_of(request.timeout(), "timeout");
    if (!timeout) return timeout.error();
    return std::optional(*timeout);
}

}  // namespace

WaitingSearch::WaitingSearch(UnaryCall& call, hub::PortHandle& port, v1::WaitForResponse& response)
    : call_(call), port_(port), response_(response), timer_(call.environment().loop, life_) {
    life_.bind(alive_);
}

void WaitingSearch::start(const v1::WaitForRequest& request, std::chrono::steady_clock::time_point deadline) {
    if (const auto begun = begin(request, deadline); !begun) return fail(begun.error());
    call_.when_cancelled([this] { fail({Failure::timed_out, 0, "", "the client is gone"}); });
    search_->want();
}

Result<void> WaitingSearch::begin(const v1::WaitForRequest& request, std::chrono::steady_clock::time_point deadline) {
    if (const auto access = port_.check_role(access::Role::read); !access) return access.error();
    const auto from = start_point(request.from(), "from");
    if (!from) return from.error();
    const auto timeout = timeout_of(request);
    if (!timeout) return timeout.error();
    auto patterns =
        search::compile(std::vector<std::string>(request.patterns().begin(), request.patterns().end()), "patterns");
    if (!patterns) return patterns.error();
    if (!call_.hold_bytes(patterns->size() * search::pattern_memory_max + search::buffer_bytes({}))) {
        return call_.environment().admission.memory_refusal();
    }
    auto slot = call_.session().open_stream();
    if (!slot) return slot.error();
    slot_ = std::move(*slot);
    const bool waits = *timeout != std::chrono::nanoseconds{0};
    search_ =
        std::make_unique<LogSearch>(call_.environment(), ReadEnd(port_->log(), waits),
                                    LogSearch::Hooks{[this] { take(); }, [this](const Error& why) { fail(why); }});
    const auto now = std::chrono::steady_clock::now();
    if (waits && *timeout && **timeout < deadline - now) deadline = now + **timeout;
    timer_.at(deadline, [this] { time_out(); });
    if (const auto begun = search_->start(port_, *from, std::move(*patterns), {}); !begun) return begun.error();
    if (!call_.hold_bytes(search_->archive_bytes())) return call_.environment().admission.memory_refusal();
    return {};
}

void WaitingSearch::take() {
    for (const auto& item : search_->take()) {
        if (const auto* gap = std::get_if<log::GapItem>(&item)) {
            response_.set_bytes_lost(response_.bytes_lost() + gap->to - gap->from);
        } else if (const auto* line = std::get_if<search::Line>(&item); line != nullptr && line->match) {
            return answer(*line);
        }
    }
    search_->ended() ? time_out() : search_->want();
}

void WaitingSearch::answer(const search::Line& line) {
    const search::Match& match = *line.match;
    response_.set_pattern(static_cast<std::uint32_t>(match.pattern));
    response_.set_offset(match.from);
    response_.set_next_offset(match.to);
    const std::string_view bytes = line.bytes;
    response_.set_text(utf8_of(bytes.substr(static_cast<std::size_t>(match.from - line.offset),
                                            static_cast<std::size_t>(match.to - match.from))));
    for (const std::string& group : match.groups) response_.add_groups(utf8_of(group));
    response_.set_line(utf8_of(without_end(bytes)));
    to_proto(line.received, *response_.mutable_receive_time());
    succeed();
}

void WaitingSearch::time_out() {
    if (finished_) return;
    response_.set_timed_out(true);
    response_.set_next_offset(search_->searched_to());
    succeed();
}

void WaitingSearch::succeed() {
    finished_ = true;
    if (port_) response_.set_log_id(std::string(port_->log().id()));
    timer_.cancel();
    search_.reset();
    slot_.reset();
    call_.succeed();
}

void WaitingSearch::fail(const Error& error) {
    if (std::exchange(finished_, true)) return;
    ErrorContext context;
    if (port_ && error.failure == Failure::out_of_range) context.head = port_->log().next_offset();
    timer_.cancel();
    search_.reset();
    slot_.reset();
    call_.fail(error, context);
}

std::optional<Error> WaitingSearches::enter(WaitingSearch& search) {
    if (refusal_) return refusal_;
    searches_.push_back(search);
    return std::nullopt;
}

void WaitingSearches::finish_all(const Error& error) {
    refusal_ = error;
    while (!searches_.empty()) {
        WaitingSearch& search = searches_.front();
        search.unlink();
        search.fail(error);
    }
}

grpc::ServerUnaryReactor* ConsoleService::WaitFor(grpc::CallbackServerContext* context,
                                                  const v1::WaitForRequest* request, v1::WaitForResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::wait_for, request->port(),
                            [=, this](UnaryCall& call, hub::PortHandle& port) {
                                const auto search = std::make_shared<WaitingSearch>(call, port, *response);
                                if (const auto refusal = searches_.enter(*search)) return call.fail(*refusal);
                                call.hold(search);
                                search->start(*request, answer_by(context->deadline()));
                            });
}

}  // namespace vserd::rpc
