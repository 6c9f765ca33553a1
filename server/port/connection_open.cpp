// Opens the device, and follows its path to another node.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "line/device_node.hpp"
#include "port/connection.hpp"

namespace vserd::port {

void Connection::node_changed() {
    backoff_ = backoff_min;
    if (state_ == State::online) return check_node();
    try_open();
}

/// udev changes a link under /dev/serial to another node when another device takes its place.
void Connection::check_node() {
    if (std::exchange(checking_node_, true)) return;
    using Node = std::optional<std::string>;
    const std::string& device = port_.config.device;
    calls_.call<Node>([device](line::Line& line) -> Result<Node> { return line::other_node_at(device, line.fd()); },
                      [this](const Result<Node>& other) {
                          checking_node_ = false;
                          if (state_ != State::online || !port_.is_online() || !other || !*other) return;
                          lose(fmt::format("{} now points to another device ({}); vserd switches to it",
                                           port_.config.device, **other));
                          backoff_ = backoff_min;
                      });
}

void Connection::try_open() {
    if (state_ != State::closed || port_.stopping) return;
    state_ = State::opening;
    reopen_timer_.cancel();
    const auto result = std::make_shared<std::optional<Result<OpenedLine>>>();  // with the worker, which may be stuck
    const PortConfig& config = port_.config;
    const auto request = std::make_shared<OpenRequest>(OpenRequest{
        config.device, std::move(resume_.device), port_.wanted, config.line, closed_terminal_, config.reopen_pts});
    const bool was_held = static_cast<bool>(request->held);
    environment_.workers.run({
        .work = [result, request] { *result = open_device(std::move(*request)); },
        .done = life_.guarded([this, result, was_held] {
            Result<OpenedLine>& outcome = **result;
            if (was_held && !(outcome && outcome->taken_over)) port_.listener.on_descriptor(-1);
            opened(std::move(outcome));
        }),
        .overdue = life_.guarded([this] {
            const std::string reason = fmt::format(
                "opening {} has not returned for 5 s: the driver hangs; the port comes online when "
                "the call returns, or unplug the device",
                port_.config.device);
            call_hangs(reason);
            report_stuck(reason);
        }),
        .refused = life_.guarded([this, request](const Error& error) {
            resume_.device = std::move(request->held);
            open_failed(error);
        }),
        .limit = driver_limit,
    });
}

void Connection::report_stuck(const std::string& reason) {
    port_.offline_reason = reason;
    open_failure_ = reason;
    port_.listener.on_event(WentOffline{reason});
}

void Connection::opened(Result<OpenedLine> result) {
    stuck_.clear();
    if (!result) return open_failed(result.error());
    calls_.open(result->line);
    if (yield_ && result->taken_over) port_.listener.on_descriptor(-1);
    if (port_.stopping || yield_) return begin_close();
    auto attached = environment_.loop.attach(result->line->fd());
    if (!attached) {
        if (result->taken_over) port_.listener.on_descriptor(-1);  // otherwise the fd store would keep its lock
        note_open_failure(attached.error());
        return begin_close();
    }
    attached_ = std::move(*attached);
    go_online(std::move(*result));
}

void Connection::open_failed(const Error& error) {
    state_ = State::closed;
    if (yield_) return finish_yield({});
    note_open_failure(error);
    port_.stopping ? finish_stop() : retry_later();
}

void Connection::note_open_failure(const Error& error) {
    add(port_.stats->open_errors, 1);
    const bool refused = error.subject == line::terminal_subject;
    if (refused && !closed_terminal_) closed_terminal_ = line::Terminal{{}, std::nullopt};
    if (refused != terminal_refused_) set_terminal_refused(refused);
    // "No such device" after an unplug is expected, so report only the first failure, different ones later, and a device that
    // is there but cannot be used.
    const bool first = !online_since_;
    const bool unusable = error.failure == Failure::invalid_argument;
    const bool news = open_failure_.empty() ? first || unusable || (refused && port_.offline_reason != error.message)
                                            : open_failure_ != error.message;
    open_failure_ = error.message;
    if (first || news) port_.offline_reason = error.message;
    if (news && !port_.stopping) port_.listener.on_event(WentOffline{error.message});
}

/// Also saved for the next process.
void Connection::set_terminal_refused(bool refused) {
    terminal_refused_ = refused;
    port_.listener.on_terminal_closed(refused);
}

void Connection::retry_later() {
    reopen_timer_.after(backoff_, [this] { try_open(); });
    backoff_ = std::min(backoff_ * 2, backoff_max);
}

}  // namespace vserd::port
