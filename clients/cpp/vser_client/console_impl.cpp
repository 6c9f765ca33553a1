#include "vser_client/console_impl.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"
#include "vser_client/thread.hpp"

namespace vser::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds tx_offset_poll_interval{5};

int make_eventfd() {
    const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    return fd;
}

Error make_error(Code code, std::string message) { return {.code = code, .message = std::move(message)}; }

}  // namespace

Console::Impl::Impl(std::shared_ptr<grpc::Channel> channel, std::string port, ConsoleOptions options)
    : channel_(std::move(channel)),
      admin_(v1::AdminService::NewStub(channel_)),
      ports_(v1::PortService::NewStub(channel_)),
      port_name_(std::move(port)),
      options_(std::move(options)),
      ready_fd_(make_eventfd()),
      room_fd_(make_eventfd()),
      tx_(options_.tx_bytes_max),
      thread_(start_thread_without_signals([this] { run(); })) {}

Console::Impl::~Impl() {
    close();
    thread_.join();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
    ::close(ready_fd_);
    ::close(room_fd_);
}

Result<> Console::Impl::wait_open() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return connected_ || ended_; });
    if (ended_ && error_) return *error_;
    return Done{};
}

std::optional<ConsoleItem> Console::Impl::next(std::optional<Clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !rx_.empty() || ended_; };
    if (!deadline) {
        changed_.wait(lock, ready);
    } else if (!changed_.wait_until(lock, *deadline, ready)) {
        return std::nullopt;
    }
    if (rx_.empty()) return std::nullopt;
    std::optional<ConsoleItem> item = std::move(rx_.front());
    rx_.pop_front();
    rx_bytes_ -= cost(*item);
    if (const auto* data = std::get_if<Data>(&*item)) taken_offset_ = data->offset + data->bytes.size();
    if (const auto* gap = std::get_if<Gap>(&*item)) taken_offset_ = gap->to;
    if (const auto* restart = std::get_if<LogRestarted>(&*item)) taken_offset_ = restart->offset;
    update_ready();
    read_if_room(lock);
    return item;
}

std::size_t Console::Impl::write(std::string_view bytes, bool wait) {
    std::unique_lock lock(mutex_);
    std::size_t taken = 0;
    while (!ended_ && !closing_) {
        taken += tx_.append(bytes.substr(taken));
        pump(lock);
        if (taken == bytes.size() || !wait) break;
        changed_.wait(lock, [this] { return !tx_.full() || ended_ || closing_; });
    }
    if (!wait) room_wanted_ = taken < bytes.size();
    update_ready();
    return taken;
}

Console::Discarded Console::Impl::discard_written() {
    const std::lock_guard lock(mutex_);
    Discarded out{.bytes = tx_.clear(), .reconnects = connected_ && !finishing_ && tx_sent_ > 0};
    if (out.reconnects) {
        discarding_ = true;
        call_->cancel();
        if (!reading_) finish_call();
    }
    update_ready();
    changed_.notify_all();
    return out;
}

Result<> Console::Impl::command(const v1::AttachRequest& request) {
    std::unique_lock lock(mutex_);
    if (ended_ || closing_) return error_.value_or(make_error(Code::cancelled, "the console is closed"));
    if (!tx_.append_command(request.SerializeAsString())) {
        return make_error(Code::resource_exhausted, "too many commands wait to be sent; wait for the connection");
    }
    pump(lock);
    return Done{};
}

Result<> Console::Impl::drain(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    for (;;) {
        const bool sent = changed_.wait_until(
            lock, deadline, [this] { return ended_ || closing_ || (connected_ && tx_.empty() && !writing_); });
        if (ended_ || closing_) return error_.value_or(make_error(Code::cancelled, "the console is closed"));
        if (!sent) return make_error(Code::deadline_exceeded, "not everything could be sent in time");
        if (tx_sent_ == 0) return Done{};

        const auto ports = ports_;
        lock.unlock();
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + (deadline - Clock::now()));
        v1::GetPortRequest request;
        request.set_port(port_name_);
        v1::GetPortResponse response;
        const auto status = ports->GetPort(&context, request, &response);
        lock.lock();
        if (status.ok() && connected_ && taken_by_server(response.port().tx_offset())) return Done{};
        if (!status.ok() && status.error_code() != grpc::StatusCode::UNAVAILABLE) return to_error(status);
        changed_.wait_for(lock, tx_offset_poll_interval, [this] { return ended_ || closing_; });
    }
}

void Console::Impl::close() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    if (side_call_ != nullptr) side_call_->TryCancel();
    finding_.cancel();
    if (call_) {
        call_->cancel();
        if (!reading_) finish_call();
    }
    changed_.notify_all();
}

bool Console::Impl::tx_recorded() const {
    const std::lock_guard lock(mutex_);
    return tx_recorded_;
}

std::uint64_t Console::Impl::next_offset() const {
    const std::lock_guard lock(mutex_);
    return taken_offset_;
}

bool Console::Impl::ended() const {
    const std::lock_guard lock(mutex_);
    return ended_ && rx_.empty();
}

std::optional<Error> Console::Impl::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

std::size_t Console::Impl::tx_bytes_waiting() const {
    const std::lock_guard lock(mutex_);
    return tx_.bytes();
}

void Console::Impl::pump(std::unique_lock<std::mutex>& lock) {
    while (connected_ && !writing_ && !finishing_ && !tx_.empty()) {
        auto message = *tx_.take();
        if (!message.is_command) tx_sent_ += message.bytes.size();
        writing_ = true;  // keeps the call alive, and other threads from writing
        lock.unlock();
        call_->write(std::move(message));
        lock.lock();
    }
}

void Console::Impl::read_if_room(std::unique_lock<std::mutex>& lock) {
    if (!connected_ || reading_ || finishing_ || rx_bytes_ >= options_.rx_bytes_max) return;
    reading_ = true;
    lock.unlock();
    call_->read();
    lock.lock();
}

void Console::Impl::finish_call() {
    if (finishing_) return;
    finishing_ = true;
    call_->finish();
}

std::size_t Console::Impl::cost(const ConsoleItem& item) {
    constexpr std::size_t overhead_bytes = 128;  // so that many events are bounded too
    const auto* data = std::get_if<Data>(&item);
    return overhead_bytes + (data != nullptr ? data->bytes.size() : 0);
}

void Console::Impl::update_ready() {
    const bool room = room_wanted_ && !tx_.full();
    show(ready_fd_, ready_, !rx_.empty() || ended_ || room);
    show(room_fd_, room_, ended_ || room);
}

void Console::Impl::show(int eventfd, bool& shown, bool now) {
    if (now == shown) return;
    shown = now;
    eventfd_t count = 0;
    if (now) {
        ::eventfd_write(eventfd, 1);
    } else {
        ::eventfd_read(eventfd, &count);
    }
}

}  // namespace vser::client
