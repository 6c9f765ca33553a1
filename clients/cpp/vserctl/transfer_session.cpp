#include "vserctl/transfer_session.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "vserctl/describe.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::size_t piece_bytes = 4096;
constexpr int poll_interval_ms = 200;  // for the progress
constexpr std::chrono::seconds drain_after_transfer{10};
constexpr std::chrono::seconds drain_of_cancel{2};
constexpr std::chrono::seconds end_timeout{1};
// A receiver in the middle of an XMODEM block takes the sequence as data, and asks for the block again about a second later.
constexpr std::chrono::milliseconds quiet_after_cancel{1500};
constexpr int cancels_max = 3;
// As sz and rz send it: all three protocols stop at CAN, and the backspaces remove it from a shell's command line.
constexpr std::string_view cancel_sequence = "\x18\x18\x18\x18\x18\x18\x18\x18\x18\x18\b\b\b\b\b\b\b\b\b\b";

}  // namespace

TransferSession::TransferSession(client::Console& console, PipedProcess& process, TransferProgress& progress,
                                 std::chrono::milliseconds wait)
    : console_(console), process_(process), progress_(progress), wait_(wait) {}

TransferSession::End TransferSession::run() {
    while (!done_) {
        wait();
        if (done_) break;
        send();
        deliver();
        progress_.show();
        if (!done_ && Clock::now() - heard_ > wait_) {
            end_.error = fmt::format("the device was silent for {}", human_duration(wait_));
            cancel();
        }
    }
    progress_.clear();
    return end_;
}

void TransferSession::wait() {
    const auto io = static_cast<short>((sent_.empty() ? POLLIN : 0) | (received_.empty() ? 0 : POLLOUT));
    std::array<pollfd, 6> fds{{
        {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
        {.fd = io != 0 ? process_.io_fd() : -1, .events = io, .revents = 0},
        {.fd = process_.messages_fd(), .events = POLLIN, .revents = 0},
        {.fd = process_.exit_fd(), .events = POLLIN, .revents = 0},
        {.fd = received_.empty() ? console_.ready_fd() : -1, .events = POLLIN, .revents = 0},
        {.fd = sent_.empty() ? -1 : console_.room_fd(), .events = POLLIN, .revents = 0},
    }};
    if (::poll(fds.data(), fds.size(), poll_interval_ms) <= 0) return;
    while (const auto number = signals_.take()) {
        if (number == SIGTSTP || number == SIGCONT) continue;  // the peer would time out
        end_.signal = number;
        return cancel();
    }
    if (fds[2].revents != 0) read_messages();
    if (fds[1].revents != 0) read_process();
    if (fds[3].revents != 0) on_exit();
}

void TransferSession::read_messages() {
    std::array<char, piece_bytes> buffer;
    for (;;) {
        const auto count = ::read(process_.messages_fd(), buffer.data(), buffer.size());
        if (count <= 0) return;
        progress_.on_messages({buffer.data(), static_cast<std::size_t>(count)});
    }
}

void TransferSession::read_process() {
    if (!sent_.empty()) return;
    std::array<char, piece_bytes> buffer;
    const auto count = ::read(process_.io_fd(), buffer.data(), buffer.size());
    if (count > 0) sent_.assign(buffer.data(), static_cast<std::size_t>(count));
}

void TransferSession::send() {
    if (!sent_.empty()) sent_.erase(0, console_.try_write(sent_));
}

void TransferSession::deliver() {
    for (;;) {
        if (!received_.empty()) {
            const auto count =
                ::send(process_.io_fd(), received_.data(), received_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
            received_.erase(0, count < 0 ? received_.size() : static_cast<std::size_t>(count));
            continue;
        }
        auto item = console_.next(std::chrono::milliseconds{0});
        if (!item) break;
        if (auto* data = std::get_if<client::Data>(&*item)) {
            received_ = std::move(data->bytes);
            heard_ = Clock::now();
        }
        if (const auto* gap = std::get_if<client::Gap>(&*item)) lost_bytes_ += gap->to - gap->from;
    }
    if (!console_.ended()) return;
    end_.console_error = console_.error();
    end_.error = "the connection ended";
    end_process();
    done_ = true;
}

/// What it wrote at last still goes to the peer.
void TransferSession::on_exit() {
    const auto status = process_.status();
    if (!status || !sent_.empty()) return;
    read_process();
    if (!sent_.empty()) return;
    read_messages();
    finish(*status);
}

void TransferSession::finish(int status) {
    done_ = true;
    if (status != 0) {
        const auto& why = progress_.last_message();
        end_.error = why.empty() ? fmt::format("exit status {}", status) : why;
        if (lost_bytes_ > 0) end_.error += fmt::format(" ({} bytes were lost on the way)", lost_bytes_);
        return send_cancel_sequence();
    }
    const auto drained = console_.drain(drain_after_transfer);
    if (!drained) end_.error = drained.error().message;
    if (!progress_.complete()) end_.error = "the device skipped the file; it may have one with this name";
}

void TransferSession::cancel() {
    done_ = true;
    end_process();
    send_cancel_sequence();
}

void TransferSession::end_process() {
    process_.terminate();
    pollfd over{.fd = process_.exit_fd(), .events = POLLIN, .revents = 0};
    ::poll(&over, 1, static_cast<int>(std::chrono::milliseconds(end_timeout).count()));
    process_.kill();
}

void TransferSession::send_cancel_sequence() {
    const auto& can = console_.port().capabilities;
    if (can && can->flush)
        (void)console_.flush(client::FlushDirection::output);  // the sequence need not wait for the data
    for (int times = 0; times < cancels_max; ++times) {
        if (console_.try_write(cancel_sequence) == 0 || !console_.drain(drain_of_cancel)) return;
        if (!peer_asks_again()) return;
    }
}

/// Whether it still sends NAK, C or ACK, which are requests of XMODEM and YMODEM.
bool TransferSession::peer_asks_again() {
    const auto deadline = Clock::now() + quiet_after_cancel;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || console_.ended()) return false;
        const auto item = console_.next(left);
        const auto* data = item ? std::get_if<client::Data>(&*item) : nullptr;
        if (data != nullptr && data->bytes.find_first_not_of("\x15\x06"
                                                             "C") == std::string::npos)
            return true;
    }
}

}  // namespace vserctl
