#include <algorithm>
#include <random>
#include <utility>

#include "vser_client/client_impl.hpp"
#include "vser_client/console_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"

// The console's own thread: it makes one connection after the other.
namespace vser::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds answer_timeout{5};

/// Whether a later attempt may succeed.
bool may_pass(const grpc::Status& status, bool exclusive, bool moves) {
    switch (status.error_code()) {
        case grpc::StatusCode::NOT_FOUND: return moves;
        case grpc::StatusCode::OK:  // the server ended the stream
        case grpc::StatusCode::UNAVAILABLE:
        case grpc::StatusCode::CANCELLED:
        case grpc::StatusCode::RESOURCE_EXHAUSTED: return true;
        case grpc::StatusCode::FAILED_PRECONDITION:
            // The old connection still holds the port until the server detects that it is dead.
            return exclusive;
        default: return false;
    }
}

Error to_outage(const grpc::Status& status) {
    if (!status.ok()) return to_error(status);
    return {.code = Code::unavailable, .message = "the server ended the stream"};
}

}  // namespace

void Console::Impl::run() {
    auto after = After::retry;
    while (after != After::end) {
        if (opened_once_ && after == After::retry && !(wait_backoff() && find_server() && server_answers())) {
            const std::lock_guard lock(mutex_);
            if (closing_) break;
            continue;
        }
        from_oldest_ = after == After::restart_log;
        after = run_connection();
    }
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        update_ready();
        changed_.notify_all();
    }
    if (options_.on_end) options_.on_end(error_);
}

bool Console::Impl::wait_backoff() {
    static thread_local std::minstd_rand random{std::random_device{}()};
    const auto doubled = options_.backoff_min * (1LL << std::min(attempts_, 20U));
    const auto limit_ms = std::min<std::chrono::milliseconds>(doubled, options_.backoff_max).count();
    // Random, so that not all clients connect to a restarted server at the same time.
    const std::chrono::milliseconds pause{std::uniform_int_distribution<long long>(limit_ms * 3 / 4, limit_ms)(random)};
    ++attempts_;
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, pause, [this] { return closing_; });
}

/// Goes to the server that the port is at now. Returns false if that is not known.
bool Console::Impl::find_server() {
    if (!options_.find) return true;
    const Cancellation::Scope scope(finding_);
    const auto client = options_.find();
    if (!client) return false;
    const std::lock_guard lock(mutex_);
    if (client->impl()->channel == channel_) return true;
    channel_ = client->impl()->channel;
    admin_ = v1::AdminService::NewStub(channel_);
    ports_ = v1::PortService::NewStub(channel_);
    return true;
}

/// Checks that the server answers before opening a stream, which has no deadline.
bool Console::Impl::server_answers() {
    grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + answer_timeout);
    // Wait for the connection. If the call failed at once, nothing would poll the connection attempt for seconds.
    context.set_wait_for_ready(true);
    {
        const std::lock_guard lock(mutex_);
        if (closing_) return false;
        side_call_ = &context;
    }
    v1::GetServerInfoResponse response;
    const auto status = admin_->GetServerInfo(&context, v1::GetServerInfoRequest(), &response);
    const std::lock_guard lock(mutex_);
    side_call_ = nullptr;
    return status.error_code() != grpc::StatusCode::UNAVAILABLE &&
           status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED && !closing_;
}

v1::AttachRequest Console::Impl::open_request() const {
    v1::AttachRequest request;
    auto& open = *request.mutable_open();
    open.set_port(port_name_);
    open.set_mode(static_cast<v1::Mode>(options_.mode));
    open.set_client(options_.client);
    open.set_lease(options_.lease);
    const auto offset = cursor_.next_offset();
    const auto from = from_oldest_ ? StartPoint::oldest() : offset ? StartPoint::offset(*offset) : options_.from;
    to_proto(from, *open.mutable_from());
    return request;
}

Console::Impl::After Console::Impl::run_connection() {
    {
        const std::lock_guard lock(mutex_);
        if (closing_) return After::end;
        call_ = std::make_unique<AttachCall>(channel_, queue_);
        reading_ = true;
        finishing_ = finished_ = log_is_other_ = false;
        call_->start();
    }
    for (bool over = false; !over;) {
        void* tag = nullptr;
        bool ok = false;
        if (!queue_.Next(&tag, &ok)) break;
        handle(AttachCall::step(tag), ok);
        const std::lock_guard lock(mutex_);
        over = finished_ && !reading_ && !writing_;
    }
    const auto status = call_->status();  // after_end() drops the call
    return after_end(status);
}

void Console::Impl::handle(AttachCall::Step step, bool ok) {
    if (step == AttachCall::Step::read && ok) return receive();
    std::unique_lock lock(mutex_);
    switch (step) {
        case AttachCall::Step::started:
            reading_ = false;
            if (!ok || closing_) return finish_call();
            writing_ = reading_ = true;
            call_->write({.is_command = true, .bytes = open_request().SerializeAsString()});
            call_->read();
            break;
        case AttachCall::Step::read:
            reading_ = false;
            finish_call();
            break;
        case AttachCall::Step::written:
            writing_ = false;
            if (!ok && !reading_) finish_call();
            if (ok) pump(lock);
            update_ready();
            changed_.notify_all();
            break;
        case AttachCall::Step::finished: finished_ = true; break;
    }
}

void Console::Impl::receive() {
    v1::AttachResponse message;
    const bool understood = call_->take(message);
    {
        std::unique_lock lock(mutex_);
        reading_ = false;
        if (!understood) {
            call_->cancel();
            return finish_call();
        }
        if (closing_) return finish_call();
        read_if_room(lock);  // the next message arrives while this one is processed
    }
    std::vector<ConsoleItem> items;
    switch (message.item_case()) {
        case v1::AttachResponse::kOpened: return opened(message.opened());
        case v1::AttachResponse::kData: cursor_.accept(from_proto(std::move(*message.mutable_data())), items); break;
        case v1::AttachResponse::kGap: cursor_.accept(from_proto(message.gap()), items); break;
        case v1::AttachResponse::kEvent:
            forget_refused(message.event().writer().refused_bytes());
            cursor_.accept(from_proto(message.event()), items);
            break;
        default:  // text, which was not requested, or a kind that this library does not know
            break;
    }
    deliver(std::move(items));
}

/// The port will never receive these bytes, so drain() must not wait for them.
void Console::Impl::forget_refused(std::uint64_t bytes) {
    if (bytes == 0) return;
    const std::lock_guard lock(mutex_);
    tx_sent_ -= std::min(tx_sent_, bytes);
}

void Console::Impl::opened(const v1::Opened& message) {
    const auto& port = message.port();
    const auto expected = cursor_.next_offset();
    const bool same_log = !opened_once_ || port.log_id() == log_id_;
    std::vector<ConsoleItem> items;
    {
        std::unique_lock lock(mutex_);
        if (!same_log && !from_oldest_) {
            log_is_other_ = true;
            call_->cancel();
            if (!reading_) finish_call();
            return;
        }
        if (opened_once_) {
            Reconnected back{.offset = message.offset(), .attempts = attempts_, .outage = {}, .tx_bytes_lost = {}};
            back.outage = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - lost_at_);
            const auto taken = port.tx_offset() - std::min(port.tx_offset(), tx_base_);
            if (same_log) back.tx_bytes_lost = tx_sent_ - std::min(tx_sent_, taken);
            items.emplace_back(back);
        } else {
            port_ = from_proto(port);
            taken_offset_ = message.offset();
        }
        if (from_oldest_) {
            items.emplace_back(LogRestarted{.expected_offset = expected.value_or(0), .offset = message.offset()});
            cursor_.restart(message.offset());
        } else {
            cursor_.resume(message.offset());
        }
        opened_once_ = connected_ = true;
        from_oldest_ = false;
        log_id_ = port.log_id();
        tx_recorded_ = message.tx_recorded();
        attempts_ = 0;
        tx_base_ = port.tx_offset();
        tx_sent_ = 0;
    }
    deliver(std::move(items));
    std::unique_lock lock(mutex_);
    changed_.notify_all();
    read_if_room(lock);
    pump(lock);
}

void Console::Impl::deliver(std::vector<ConsoleItem>&& items) {
    if (items.empty()) return;
    if (options_.on_item) {
        for (auto& item : items) options_.on_item(std::move(item));
        const std::lock_guard lock(mutex_);
        taken_offset_ = cursor_.next_offset().value_or(0);
        return;
    }
    const std::lock_guard lock(mutex_);
    for (auto& item : items) {
        rx_bytes_ += cost(item);
        rx_.push_back(std::move(item));
    }
    update_ready();
    changed_.notify_all();
}

Console::Impl::After Console::Impl::after_end(const grpc::Status& status) {
    bool was_connected = false;
    {
        const std::lock_guard lock(mutex_);
        was_connected = std::exchange(connected_, false);
        call_.reset();
        if (closing_) return After::end;
        if (std::exchange(discarding_, false)) {
            lost_at_ = Clock::now();
            return After::reopen;
        }
        if (log_is_other_) return After::restart_log;
        const bool gone_back = opened_once_ && !was_connected && status.error_code() == grpc::StatusCode::OUT_OF_RANGE;
        if (gone_back) return After::restart_log;
        const bool waits_for_itself = options_.mode == Mode::exclusive && options_.lease == 0;
        const bool again = opened_once_ && options_.reconnect &&
                           may_pass(status, waits_for_itself && !was_connected, options_.find != nullptr);
        if (!again) {
            error_ = to_outage(status);
            return After::end;
        }
    }
    if (was_connected) {
        lost_at_ = Clock::now();
        std::vector<ConsoleItem> items;
        items.emplace_back(Disconnected{to_outage(status)});
        deliver(std::move(items));
    }
    return After::retry;
}

}  // namespace vser::client
