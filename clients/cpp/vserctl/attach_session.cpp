#include "vserctl/attach_session.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

// Typed or pasted bytes that the console has not accepted. vserctl reads this many so that the escape key still works behind a
// large paste.
constexpr std::size_t typed_bytes_max = std::size_t{16} << 20;
constexpr std::chrono::milliseconds drain_on_quit{500};
constexpr std::chrono::milliseconds drain_slice{20};
constexpr std::chrono::seconds discard_on_quit{2};
constexpr std::chrono::milliseconds discard_slice{50};
constexpr std::chrono::milliseconds last_flush{500};
constexpr std::chrono::seconds flush_timeout{5};
// After this time a lone ESC is a key. The rest of a key report arrives with it, or shortly after.
constexpr std::chrono::milliseconds report_timeout{50};

}  // namespace

AttachSession::AttachSession(Owner owner, client::Console console, const AttachCommand& command, const Options& options)
    : owner_(std::move(owner)),
      console_(std::move(console)),
      command_(command),
      options_(options),
      terminal_(STDIN_FILENO, options.json ? RawOutput::newlines : RawOutput::as_is),
      interactive_(terminal_.is_terminal()),
      screen_(interactive_, options.json),
      printer_([this](std::string_view text) { screen_.show(text); }, options.json, false, true),
      escape_(interactive_ ? command.escape_key : -1),
      lease_keys_(console_, command.exclusive, key_name(command.escape_key) + " t",
                  [this](const std::string& text) { answer(text); }),
      questions_(owner_, command.port, [this](const std::string& text) { answer(text); }) {}

int AttachSession::run() {
    // Without a terminal, --read-only ignores stdin and continues until it is interrupted.
    if (!interactive_ && command_.read_only) stdin_open_ = false;
    if (interactive_) terminal_.enter();
    greet();
    while (!done_) {
        wait();
        send_typed();
        show_items();
        check_pipe_end();
    }
    return leave();
}

void AttachSession::say(const std::string& text) {
    if (!command_.quiet && !options_.json) screen_.say(text);
}

void AttachSession::say_unless_empty(const std::string& text) {
    if (!text.empty()) say(text);
}

void AttachSession::answer(const std::string& text) { screen_.say(text); }

void AttachSession::greet() {
    if (!interactive_) return;
    const auto& port = console_.port();
    auto text = fmt::format("attached to {} ({}), {} {}", printable(port.name), printable(port.device), port.baud,
                            to_string(port.format));
    if (command_.read_only) text += ", read-only";
    if (port.role != client::Role::unspecified && port.role < client::Role::write)
        text += fmt::format(" (your role is {})", to_string(port.role));
    if (console_.tx_recorded()) text += "; typed bytes are recorded";
    if (command_.escape_key >= 0) text += fmt::format("; {} ? for help", key_name(command_.escape_key));
    say(text);
    if (port.state == client::State::offline)
        say(fmt::format("the device is disconnected: {}; waiting for it", printable(port.offline_reason)));
    if (port.held_by_flow_control) say("held by flow control: the device accepts no bytes");
    if (!port.foreign_readers.empty()) say(describe_readers(port.foreign_readers));
}

int AttachSession::poll_timeout_ms() const {
    if (done_) return static_cast<int>(discard_slice.count());
    if (escape_.holds()) return static_cast<int>(report_timeout.count());
    if (stdin_open_ || command_.read_only || !command_.wait) return -1;
    if (!drained_) return 0;  // check_pipe_end() waits instead
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(last_activity_ + *command_.wait - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 3600 * 1000));
}

void AttachSession::wait() {
    const bool want_typed = stdin_open_ && !done_ && typed_bytes_ < typed_bytes_max;
    std::array<pollfd, 7> fds{{
        {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
        {.fd = screen_.full() ? -1 : console_.ready_fd(), .events = POLLIN, .revents = 0},
        {.fd = want_typed ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0},
        {.fd = screen_.empty() ? -1 : screen_.fd(), .events = POLLOUT, .revents = 0},
        {.fd = questions_.port_fd(), .events = POLLIN, .revents = 0},
        {.fd = flush_ ? flush_->ready_fd() : -1, .events = POLLIN, .revents = 0},
        {.fd = questions_.who_fd(), .events = POLLIN, .revents = 0},
    }};
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout_ms());
    if (escape_.holds() && fds[2].revents == 0 && Clock::now() - last_typed_ >= report_timeout)
        on_typed(escape_.flush());
    if (ready <= 0) return;
    while (const auto number = signals_.take()) on_signal(*number);
    if (fds[2].revents != 0) read_stdin();
    if (fds[3].revents != 0 && !screen_.flush()) done_ = true;
    if (fds[4].revents != 0) questions_.show_port(console_.next_offset());
    if (fds[5].revents != 0) show_discarded();
    if (fds[6].revents != 0) questions_.show_who();
}

void AttachSession::on_signal(int number) {
    if (number == SIGTSTP) {
        screen_.undo_modes();
        screen_.flush_for(last_flush);
        terminal_.restore();
        ::raise(SIGSTOP);
    }
    if (number == SIGTSTP || number == SIGCONT) {
        if (interactive_) terminal_.enter();
        return;
    }
    fatal_signal_ = number;
    done_ = true;
}

void AttachSession::read_stdin() {
    std::array<char, 64 * 1024> buffer;
    const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
        if (count < 0 && !interactive_) stdin_error_ = errno;
        stdin_open_ = false;
        last_activity_ = Clock::now();
        done_ = done_ || interactive_ || stdin_error_ != 0;  // interactive: the terminal was closed
        return;
    }
    last_typed_ = Clock::now();
    on_typed(escape_.feed({buffer.data(), static_cast<std::size_t>(count)}));
}

void AttachSession::on_typed(std::vector<EscapeParser::Piece> pieces) {
    for (auto& piece : pieces) {
        const auto* key = std::get_if<Key>(&piece);
        if (key != nullptr && *key != Key::send_break) {
            on_key(*key);
        } else if (command_.read_only) {
            if (!std::exchange(reported_read_only_, true)) answer("read-only: input is not sent");
        } else {
            if (const auto* bytes = std::get_if<std::string>(&piece)) typed_bytes_ += bytes->size();
            typed_.push_back(std::move(piece));
        }
    }
}

void AttachSession::on_key(Key key) {
    switch (key) {
        case Key::quit: done_ = true; break;
        case Key::help: help(); break;
        case Key::info: questions_.ask_about_port(); break;
        case Key::who: questions_.ask_who(); break;
        case Key::discard: discard(); break;
        case Key::acquire:
        case Key::release: use_lease(key); break;
        default: answer(fmt::format("not a command; {} ? lists them", key_name(command_.escape_key)));
    }
}

void AttachSession::use_lease(Key key) {
    if (command_.read_only) return answer("read-only: you do not write");
    key == Key::acquire ? lease_keys_.acquire() : lease_keys_.release();
}

void AttachSession::help() {
    const auto escape = key_name(command_.escape_key);
    answer(escape + " . leaves");
    answer(escape + " b sends a break");
    answer(escape + " d discards bytes that are still queued for the device");
    answer(escape + " i shows the state of the port");
    answer(escape + " t holds the port, so that nobody else can write; twice takes it over from another client");
    answer(escape + " r releases it");
    answer(escape + " w shows who is connected to the port");
    answer(fmt::format("{0} {0} sends {0}", escape));
}

/// Discards bytes in all three places: this program, the connection, and the server's queue.
void AttachSession::discard() {
    if (command_.read_only) return answer("read-only: nothing is sent");
    if (discarding_ || flush_) return answer("the server has not answered yet");
    const auto dropped = console_.discard_written();
    discarded_bytes_ = typed_bytes_ + dropped.bytes;
    typed_.clear();
    typed_bytes_ = 0;
    discarding_ = dropped.reconnects;
    if (!discarding_) flush_output();
}

void AttachSession::flush_output() {
    if (lease_keys_.owns()) {  // the server rejects a separate call; the stream's event reports the bytes it discards
        answer(std::to_string(discarded_bytes_) + " bytes discarded before they were sent");
        if (!console_.flush(client::FlushDirection::output))
            answer("the server's queue was not emptied: too many requests are waiting");
        return;
    }
    flush_.emplace(owner_.client().begin_flush(command_.port, client::FlushDirection::output, flush_timeout));
}

void AttachSession::show_discarded() {
    const auto flushed = flush_->take();
    if (!flushed) return;
    flush_.reset();
    if (flushed->ok()) discarded_bytes_ += **flushed;
    answer(std::to_string(discarded_bytes_) + " bytes discarded before they were sent");
    if (!flushed->ok()) answer("the server's queue was not emptied: " + printable(flushed->error().message));
}

/// Completes a discard that was requested before leaving.
void AttachSession::finish_discarding() {
    const auto deadline = Clock::now() + discard_on_quit;
    while ((discarding_ || flush_) && !console_.ended() && screen_.error() == 0 && Clock::now() < deadline) {
        wait();
        show_items();
    }
}

void AttachSession::send_typed() {
    if (discarding_ || flush_) return;  // the flush would also discard bytes typed after it
    while (!typed_.empty()) {
        auto& front = typed_.front();
        if (auto* bytes = std::get_if<std::string>(&front)) {
            const auto taken = console_.try_write(*bytes);
            typed_bytes_ -= taken;
            bytes->erase(0, taken);
            if (!bytes->empty()) return;  // ready_fd() reports when there is room
        } else if (!console_.send_break()) {
            answer("the break was not sent: too many requests are waiting");
        }
        typed_.pop_front();
    }
}

void AttachSession::show_items() {
    while (!screen_.full()) {
        const auto item = console_.next(std::chrono::milliseconds{0});
        if (!item) break;
        last_activity_ = Clock::now();
        show(*item);
    }
    if (console_.ended()) done_ = true;
    // Flush at once, without another poll(), so that echoed keys appear without delay.
    if (!screen_.empty() && !screen_.flush()) done_ = true;
}

void AttachSession::show(const client::ConsoleItem& item) {
    const auto* back = std::get_if<client::Reconnected>(&item);
    if (std::holds_alternative<client::Disconnected>(item)) connected_ = false;
    if (back != nullptr) {
        connected_ = true;
        lease_keys_.reconnected(command_.exclusive);
    }
    if (back != nullptr && std::exchange(discarding_, false)) {
        discarded_bytes_ += back->tx_bytes_lost.value_or(0);
        return flush_output();
    }
    count_refused(item);
    if (options_.json) return printer_.print(item);
    if (const auto* data = std::get_if<client::Data>(&item)) return screen_.show(data->bytes);
    if (const auto* gap = std::get_if<client::Gap>(&item)) return say(describe(*gap));
    if (const auto* event = std::get_if<client::Event>(&item)) {
        say(describe(*event));
        return lease_keys_.note(*event);
    }
    if (const auto* lost = std::get_if<client::Disconnected>(&item)) return say(describe(*lost));
    if (back != nullptr) return say(describe(*back));
    if (const auto* restart = std::get_if<client::LogRestarted>(&item)) return say(describe(*restart));
}

void AttachSession::count_refused(const client::ConsoleItem& item) {
    const auto* event = std::get_if<client::Event>(&item);
    const auto* writer = event == nullptr ? nullptr : std::get_if<client::WriterChanged>(&event->what);
    if (writer != nullptr) unsent_bytes_ += writer->refused_bytes;
}

void AttachSession::check_pipe_end() {
    if (done_ || stdin_open_ || command_.read_only || !command_.wait) return;
    if (!drained_) {
        // In slices, so that signals and output are handled meanwhile.
        drained_ = typed_.empty() && console_.drain(drain_slice).ok();
        last_activity_ = Clock::now();
    } else if (Clock::now() - last_activity_ >= *command_.wait && screen_.empty()) {
        done_ = true;
    }
}

int AttachSession::leave() {
    if (!fatal_signal_) finish_discarding();
    if (options_.json) printer_.finish();
    flush_screen();
    screen_.undo_modes();
    if (!console_.error() && !command_.read_only) {
        if (!fatal_signal_) send_the_rest();
        if (fatal_signal_ != SIGHUP && connected_) say_unless_empty(describe_queued_bytes(owner_, command_.port));
    }
    if (interactive_) say(fmt::format("left {} at offset {}", printable(command_.port), console_.next_offset()));
    screen_.flush_for(last_flush);
    // After the quit key, later input is for the shell.
    if (console_.error() || fatal_signal_) terminal_.discard_typed();
    terminal_.restore();
    const int status = exit_status();
    console_.close();
    if (fatal_signal_) AttachSignals::die_of(*fatal_signal_);
    return status;
}

/// The sequences that restore the terminal's modes must reach it, even if the bytes before them do not.
void AttachSession::flush_screen() {
    screen_.flush_for(last_flush);
    const auto dropped = screen_.drop_waiting();
    if (dropped > 0 && screen_.error() == 0) say(std::to_string(dropped) + " received bytes were not shown");
}

void AttachSession::send_the_rest() {
    if (drained_) return;
    if (typed_.empty() && connected_) drained_ = console_.drain(drain_on_quit).ok();
    const auto left = typed_bytes_ + console_.tx_bytes_waiting();
    unsent_bytes_ += left;
    if (left > 0) say(std::to_string(left) + " bytes were not sent");
}

int AttachSession::exit_status() {
    if (const auto error = console_.error()) {
        if (error->reason != "SESSION_ENDED" || options_.json) return print_error(*error, options_.json);
        put_note(printable(error->message));
        return exit_refused;
    }
    if (screen_.error() != 0) return print_error(std::string(OutputFailed(screen_.error()).what()), options_.json);
    if (stdin_error_ != 0)
        return print_error(std::string("cannot read stdin: ") + std::strerror(stdin_error_), options_.json);
    if (!interactive_ && unsent_bytes_ > 0)
        return print_error(std::to_string(unsent_bytes_) + " bytes of the input were not sent", options_.json);
    return exit_ok;
}

}  // namespace vserctl
