#include "vserctl/tty_session.hpp"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "vserctl/connect_console.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

// What this program holds is lost if it is killed, so it holds little; the server's log holds the rest.
constexpr std::size_t rx_held_max = std::size_t{64} << 10;
constexpr std::size_t tx_held_max = std::size_t{16} << 10;
constexpr std::size_t tty_write_max = std::size_t{4} << 10;
constexpr std::chrono::milliseconds drain_at_end{500};
// The kernel passes a program's bytes on a moment later.
constexpr int pause_at_end_ms = 20;
constexpr std::size_t discarded_at_end_max = std::size_t{1} << 20;
constexpr std::chrono::seconds port_timeout{5};
// Programs change the settings several times when they open a port. EXTPROC is set again after the last of these changes, so
// that it does not overwrite one.
constexpr std::chrono::milliseconds quiet_before_report{20};
// When a full pty has room again, its program has read some bytes, or it discards all of them (tcflush). The packet that tells
// so comes a moment later, and the bytes that wait here must not be written before it.
constexpr std::chrono::milliseconds pause_after_full{1};
// Then the other direction has its turn.
constexpr int steps_max = 16;

TtySettings settings_of(std::uint32_t baud, const client::Format& format) {
    return {.baud = baud, .rts_cts = format.flow_control == client::FlowControl::rts_cts};
}

TtySettings settings_of(const client::Port& port) { return settings_of(port.baud, port.format); }

bool is_ignored(int number) {
    struct sigaction action {};
    return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

/// What a person wants to know about an item; empty: nothing.
struct Told {
    std::string operator()(const client::Data&) const { return {}; }
    std::string operator()(const client::Event& event) const {
        const bool tells = std::holds_alternative<client::Offline>(event.what) ||
                           std::holds_alternative<client::Online>(event.what) ||
                           std::holds_alternative<client::WriterChanged>(event.what);
        return tells ? describe(event) : std::string();
    }
    std::string operator()(const auto& other) const { return describe(other); }
};

}  // namespace

client::ConsoleOptions TtySession::console_options(const TtyCommand& command, const Options& given) {
    client::ConsoleOptions options;
    options.find = given.find_owner;
    options.mode = command.exclusive ? client::Mode::exclusive : client::Mode::read_write;
    options.client = client_name();
    options.rx_bytes_max = rx_held_max;
    options.tx_bytes_max = tx_held_max;
    return options;
}

TtySession::TtySession(Owner owner, client::Console console, const TtyCommand& command, const Options& options)
    : command_(command),
      options_(options),
      owner_(std::move(owner)),
      console_(std::move(console)),
      mirror_(settings_of(console_.port())),
      pty_(mirror_.remote()),
      watch_(pty_.path()) {}

TtySession::End TtySession::run() {
    if (console_.port().state == client::State::offline)
        say(fmt::format("the device is disconnected: {}; waiting for it", printable(console_.port().offline_reason)));
    while (!done_) {
        if (skip_asked_ || compare_asked_) ask_about_port();
        wait();
        send_written();
        if (!done_) deliver();
    }
    return leave();
}

int TtySession::poll_timeout_ms() const {
    auto next = mirror_.deadline();
    for (const auto& other : {report_changes_at_, deliver_at_}) {
        if (other) next = std::min(next.value_or(*other), *other);
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void TtySession::wait() {
    const bool holds_received = received_at_ < received_.size();
    const auto from_pty = static_cast<short>(may_read() ? POLLIN | POLLPRI : POLLPRI);
    std::array<pollfd, 6> fds{{
        {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
        {.fd = watch_.fd(), .events = POLLIN, .revents = 0},
        {.fd = pty_.fd(),
         .events = static_cast<short>(from_pty | (holds_received && !deliver_at_ ? POLLOUT : 0)),
         .revents = 0},
        {.fd = holds_received || skip_asked_ ? -1 : console_.ready_fd(), .events = POLLIN, .revents = 0},
        {.fd = written_.empty() ? -1 : console_.room_fd(), .events = POLLIN, .revents = 0},
        {.fd = question_ ? question_->ready_fd() : -1, .events = POLLIN, .revents = 0},
    }};
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout_ms());
    on_time();
    if (ready <= 0) return;
    while (const auto number = signals_.take()) on_signal(*number);
    if (fds[1].revents != 0)
        update_open();  // before the console's items, which a program that just opened the pty gets
    if (fds[5].revents != 0) on_port();
    if ((fds[2].revents & POLLOUT) != 0) deliver_at_ = Clock::now() + pause_after_full;
    if ((fds[2].revents & (POLLIN | POLLPRI)) != 0) read_pty();
}

void TtySession::on_signal(int number) {
    if (number == SIGTSTP) ::raise(SIGSTOP);
    // Blocking a signal also queues it if the parent ignores it, as nohup and `&` in a script do.
    if (number == SIGTSTP || number == SIGCONT || is_ignored(number)) return;
    signal_ = number;
    done_ = true;
}

void TtySession::update_open() {
    const auto change = watch_.update();
    if (change.closed) {
        pty_.end_exclusive();
        wrote_ = false;
        read_status();  // of a program that has opened it again, before discard_unread() hides that it flushed
        if (command_.keep) return;
        received_.clear();
        received_at_ = 0;
        pty_.discard_unread();
        read_status();  // about what was discarded here
    }
}

void TtySession::on_time() {
    const auto now = Clock::now();
    put_into_pty(mirror_.on_time(now));
    if (!report_changes_at_ || now < *report_changes_at_) return;
    report_changes_at_.reset();
    pty_.report_changes();
    check_settings();
}

void TtySession::read_pty() {
    for (int step = 0; step < steps_max && (may_read() || pty_.has_status()); ++step) {
        const auto packet = pty_.read();
        if (!packet) return;
        take_packet(*packet);
        send_written();
    }
}

void TtySession::read_status() {
    if (!pty_.has_status()) return;
    if (const auto packet = pty_.read()) take_packet(*packet);
}

void TtySession::take_packet(const Pty::Packet& packet) {
    if (packet.input_flushed) on_input_flushed();
    if (packet.output_flushed) on_output_flushed();
    if (packet.settings_changed) check_settings();
    if (packet.bytes.empty()) return;
    wrote_ = true;
    written_ = packet.bytes;
}

void TtySession::send_written() {
    if (console_.error()) return on_console_end();
    if (!written_.empty()) written_.erase(0, console_.try_write(written_));  // room_fd() reports when there is room
    if (written_.empty()) send_change();
}

/// In the stream, so that it is in force after the bytes before it and before the bytes after it.
void TtySession::send_change() {
    const auto& can = console_.port().capabilities;
    if (can && ((change_.baud && !can->baud) || (change_.rts_cts && !can->flow_control))) {
        change_ = {};
        put_into_pty(mirror_.restore_pty(mirror_.remote()));
    }
    if (change_.baud && console_.set_baud(*change_.baud)) change_.baud.reset();
    if (!change_.rts_cts) return;
    client::Format format;
    format.flow_control = *change_.rts_cts ? client::FlowControl::rts_cts : client::FlowControl::none;
    if (console_.set_format(format)) change_.rts_cts.reset();
}

void TtySession::check_settings() {
    const auto state = pty_.state();
    if (!state.reports_changes) report_changes_at_ = Clock::now() + quiet_before_report;
    const auto change = mirror_.on_pty(state.settings, Clock::now());
    if (change.baud) change_.baud = change.baud;
    if (change.rts_cts) change_.rts_cts = change.rts_cts;
}

/// tcflush(TCOFLUSH). The kernel has discarded what was in the pty.
void TtySession::on_output_flushed() {
    written_.clear();
    const auto& can = console_.port().capabilities;
    if (can && !can->flush) return;
    if (std::exchange(wrote_, false) && !console_.flush(client::FlushDirection::output))
        say("the server's queue was not emptied: too many requests are waiting");
}

void TtySession::deliver() {
    if (received_at_ < received_.size() && (!deliver_at_ || Clock::now() < *deliver_at_)) return;  // the pty is full
    deliver_at_.reset();
    for (int step = 0; step < steps_max; ++step) {
        write_received();
        if (received_at_ < received_.size() || skip_asked_) return;
        const auto item = console_.next(std::chrono::milliseconds{0});
        if (!item) break;
        take(*item);
    }
    if (console_.ended()) on_console_end();
}

/// Little at a time: after a program has flushed its input, it must not get what was received before.
void TtySession::write_received() {
    while (received_at_ < received_.size() && !pty_.has_status()) {
        const auto written = pty_.write(std::string_view(received_).substr(received_at_, tty_write_max));
        if (written == 0) return;
        received_at_ += written;
    }
}

void TtySession::take(const client::ConsoleItem& item) {
    if (const auto* data = std::get_if<client::Data>(&item)) return take_bytes(*data);
    if (const auto* event = std::get_if<client::Event>(&item)) take_event(*event);
    if (std::holds_alternative<client::LogRestarted>(item)) skip_to_ = 0;
    if (std::holds_alternative<client::Disconnected>(item)) connected_ = false;
    if (std::holds_alternative<client::Reconnected>(item)) {
        connected_ = true;
        compare_asked_ = true;  // the server may have restarted with other settings
    }
    say_item(item);
}

void TtySession::take_bytes(const client::Data& data) {
    update_open();  // a program that opened the pty before these bytes were sent gets them
    if ((!watch_.is_open() && !command_.keep) || skip_asked_) return;
    const auto skipped = skip_to_ - std::min(skip_to_, data.offset);
    received_ = data.bytes.substr(std::min<std::uint64_t>(skipped, data.bytes.size()));
    received_at_ = 0;
}

void TtySession::take_event(const client::Event& event) {
    if (const auto* settings = std::get_if<client::SettingsChanged>(&event.what))
        put_into_pty(mirror_.on_remote(settings_of(settings->baud, settings->format)));
    const auto* writer = std::get_if<client::WriterChanged>(&event.what);
    if (writer != nullptr && !writer->refused_request.empty()) put_into_pty(mirror_.restore_pty(mirror_.remote()));
}

/// tcflush(TCIFLUSH). The kernel has discarded what was in the pty, but some may have been written into it since, and more may
/// be on its way from the server's log. What the program has written since is not read before the answer, so no reply to it is
/// among them.
void TtySession::on_input_flushed() {
    received_.clear();
    received_at_ = 0;
    skip_asked_ = true;
    question_.reset();  // its answer may be older
}

void TtySession::ask_about_port() {
    if (!question_) question_.emplace(owner_.client().begin_get_port(command_.port, port_timeout));
}

void TtySession::on_port() {
    const auto answer = question_->take();
    if (!answer) return;
    question_.reset();
    const bool skip = std::exchange(skip_asked_, false);
    const bool compare = std::exchange(compare_asked_, false);
    if (!*answer) return;
    const auto& port = **answer;
    if (skip) skip_to_ = port.next_offset;
    if (!compare) return;
    if (!watch_.is_open()) return put_into_pty(mirror_.restore_pty(settings_of(port)));
    change_ = mirror_.restore_remote(settings_of(port), Clock::now());
}

void TtySession::put_into_pty(const std::optional<TtySettings>& settings) {
    if (settings) pty_.set(*settings);
}

void TtySession::on_console_end() {
    // A device that does not support the requested settings ends the console.
    if (mirror_.deadline() && console_.error() && !console_.error()->is_transport() && reopen()) return;
    done_ = true;
}

bool TtySession::reopen() {
    const auto error = *console_.error();
    auto options = console_options(command_, options_);
    options.find = owner_.follow(std::move(options.find));
    options.from = client::StartPoint::offset(console_.next_offset());
    auto again = owner_.client().attach(command_.port, std::move(options));
    if (!again) return false;
    const auto unsent = console_.tx_bytes_waiting();
    console_ = *std::move(again);
    connected_ = true;
    say(fmt::format("the device does not support these settings: {}; {} bytes were not sent", printable(error.message),
                    unsent));
    put_into_pty(mirror_.restore_pty(settings_of(console_.port())));
    return true;
}

TtySession::End TtySession::leave() {
    if (!console_.error()) {
        read_pty();
        const bool sent = connected_ && written_.empty() && console_.drain(drain_at_end).ok();
        const auto left = (sent ? 0 : written_.size() + console_.tx_bytes_waiting()) + discard_written();
        // If it was not drained, the network holds some more.
        if (left > 0) say(fmt::format("{}{} bytes were not sent", sent ? "" : "at least ", left));
    }
    const auto error = console_.error();
    console_.close();
    return {.status = error ? print_error(*error, options_.json) : exit_ok, .signal = signal_};
}

/// Returns how many bytes the kernel still held for the master. A program that goes on writing does not delay the end.
std::size_t TtySession::discard_written() {
    std::size_t bytes = 0;
    pollfd more{.fd = pty_.fd(), .events = POLLIN, .revents = 0};
    while (bytes < discarded_at_end_max && ::poll(&more, 1, pause_at_end_ms) == 1) {
        const auto packet = pty_.read();
        if (!packet) break;
        bytes += packet->bytes.size();
    }
    return bytes;
}

void TtySession::say(const std::string& text) const {
    if (!options_.json) return put_note(text);
    put_message(JsonObject().field("note", text).text() + "\n");
}

void TtySession::say_item(const client::ConsoleItem& item) const {
    const auto text = std::visit(Told{}, item);
    if (text.empty()) return;
    options_.json ? put_message(to_json_item(item).text() + "\n") : put_note(text);
}

}  // namespace vserctl
