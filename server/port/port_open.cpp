// Opening the device, and what its path means meanwhile.
#include <algorithm>
#include <utility>

#include "port/device.hpp"
#include "port/port_impl.hpp"

namespace vserd::port {

void Port::Impl::node_changed() {
    node_changed_while_busy_ = true;
    if (phase_ == Phase::online) return check_node();
    if (phase_ != Phase::closed) return;
    backoff_ = backoff_min;
    try_open();
}

/// udev gives a link under /dev/serial to another node when the device behind it changes.
void Port::Impl::check_node() {
    if (std::exchange(checking_node_, true)) return;
    using Node = std::optional<std::string>;
    call_line<Node>(
        [device = config.device](line::Line& line) -> Result<Node> { return line::other_node_at(device, line.fd()); },
        [this](const Result<Node>& other) {
            checking_node_ = false;
            if (phase_ != Phase::online || !other || !*other) return;
            go_offline(config.device + " means another device now (" + **other +
                       "); vserd closes the one that it meant before and opens that");
            backoff_ = backoff_min;
            begin_close();
        });
}

Result<Port::Impl::Line> Port::Impl::adopt_or_open(OpenRequest& request, bool& taken_over) {
    taken_over = static_cast<bool>(request.held);
    if (taken_over) {
        // As it is before it is adopted, for what gets its number if it was closed meanwhile.
        auto held = line::terminal_at(request.device, request.held.get());
        if (held) request.closed = line::Terminal{std::move(held->node), std::nullopt};
        auto line = adopt_line(request.device, std::move(request.held), request.settings, request.options);
        if (line) return Line(std::move(*line));
        taken_over = false;
    }
    const bool careful = !request.any_terminal;
    if (careful && request.closed && !line::may_reopen(request.device, *request.closed))
        return line::terminal_error(request.device);
    auto line = open_line(request.device, request.settings, request.options);
    if (line) return Line(std::move(*line));
    if (careful && line.error().errno_value == ENOENT && line::names_missing_terminal(request.device))
        return line::terminal_error(request.device);
    return line.error();
}

Result<Port::Impl::OpenedLine> Port::Impl::open_device(OpenRequest request) {
    bool taken_over = false;
    auto line = adopt_or_open(request, taken_over);
    if (!line) return line.error();
    OpenedLine opened{std::move(*line), request.settings, {}, request.settings, taken_over};
    opened.terminal = line::terminal_at(request.device, opened.line->fd());
    const auto in_force = opened.line->read_back();
    if (!in_force) return in_force.error();
    opened.settings = *in_force;
    const auto status = opened.line->status();
    if (!status) return status.error();
    opened.status = *status;
    return opened;
}

void Port::Impl::try_open() {
    if (phase_ != Phase::closed || stopping_) return;
    phase_ = Phase::opening;
    node_changed_while_busy_ = false;
    reopen_timer_.cancel();
    const auto result = std::make_shared<std::optional<Result<OpenedLine>>>();  // with the worker, which may be stuck
    const auto request = std::make_shared<OpenRequest>(
        OpenRequest{config.device, std::move(held_), wanted_, config.line, closed_terminal_, config.reopen_pts});
    const bool was_held = static_cast<bool>(request->held);
    environment_.workers.run({
        .work = [result, request] { *result = open_device(std::move(*request)); },
        .done =
            [weak = weak_from_this(), result, was_held] {
                const auto self = weak.lock();
                if (!self) return;
                Result<OpenedLine>& opened = **result;
                if (was_held && !(opened && opened->taken_over)) self->listener_.on_descriptor(-1);
                self->opened(std::move(opened));
            },
        .overdue = when_alive(&Impl::open_overdue),
        .refused =
            [weak = weak_from_this(), request](const Error& error) {
                const auto self = weak.lock();
                if (!self) return;
                self->held_ = std::move(request->held);
                self->open_failed(error);
            },
        .limit = driver_limit,
    });
}

void Port::Impl::open_overdue() {
    offline_reason =
        "opening " + config.device +
        " has not returned for 5 s: its driver hangs; the port comes online when it returns, or unplug the device";
    open_failure_ = offline_reason;
    listener_.on_event(WentOffline{offline_reason});
}

void Port::Impl::opened(Result<OpenedLine> result) {
    if (!result) return open_failed(result.error());
    if (stopping_) {
        line_ = std::move(result->line);
        return begin_close();
    }
    auto attached = environment_.loop.attach(result->line->fd());
    if (!attached) {
        line_ = std::move(result->line);
        if (result->taken_over) listener_.on_descriptor(-1);  // or who keeps it would keep its lock too
        note_open_failure(attached.error());
        return begin_close();
    }
    attached_ = std::move(*attached);
    go_online(std::move(*result));
}

void Port::Impl::open_failed(const Error& error) {
    phase_ = Phase::closed;
    note_open_failure(error);
    if (stopping_) return finish_stop();
    retry_later();
}

void Port::Impl::note_open_failure(const Error& error) {
    add(stats->open_errors, 1);
    const bool refused = error.subject == line::terminal_subject;
    if (refused && !closed_terminal_) closed_terminal_ = line::Terminal{{}, std::nullopt};
    if (refused != terminal_refused_) {
        terminal_refused_ = refused;
        listener_.on_terminal_closed(refused);
    }
    // Right after an unplug "no such device" is no news; a different failure later is.
    const bool news = open_failure_.empty() ? !was_online_ || (refused && offline_reason != error.message)
                                            : open_failure_ != error.message;
    open_failure_ = error.message;
    if (!was_online_ || news) offline_reason = error.message;
    if (news && !stopping_) listener_.on_event(WentOffline{error.message});
}

void Port::Impl::retry_later() {
    if (node_changed_while_busy_) backoff_ = backoff_min;
    after(reopen_timer_, backoff_, &Impl::try_open);
    backoff_ = std::min(backoff_ * 2, backoff_max);
}

}  // namespace vserd::port
