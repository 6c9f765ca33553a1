#include "vserctl/attach.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "vserctl/attach_signals.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/escape.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/output.hpp"
#include "vserctl/screen.hpp"
#include "vserctl/terminal.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

using Clock = std::chrono::steady_clock;

// Typed or pasted and not yet taken by the console. Reading on this far keeps the escape key alive behind a large
// paste.
constexpr std::size_t typed_bytes_max = std::size_t{16} << 20;
constexpr std::chrono::milliseconds drain_on_quit{500};
constexpr std::chrono::milliseconds drain_slice{20};
constexpr std::chrono::milliseconds last_flush{500};

class Session {
public:
    Session(const client::Client& client, client::Console console, const AttachCommand& command, const Options& options)
        : client_(client),
          console_(std::move(console)),
          command_(command),
          options_(options),
          terminal_(STDIN_FILENO),
          interactive_(terminal_.is_terminal() && !options.json),
          screen_(interactive_),
          printer_(options.json, false, true),
          escape_(interactive_ ? command.escape_key : -1) {}

    int run();

private:
    void greet();
    void wait();
    void on_signal(int number);
    void read_stdin();
    void on_typed(std::string_view typed);
    void on_key(Key key);
    void send_typed();
    void show_items();
    void show(const client::ConsoleItem& item);
    void check_pipe_end();
    int leave();
    void say(const std::string& text) {
        if (!command_.quiet && !options_.json) screen_.say(text);
    }
    int poll_timeout_ms() const;

    const client::Client& client_;
    client::Console console_;
    const AttachCommand& command_;
    const Options& options_;
    AttachSignals signals_;
    RawTerminal terminal_;
    bool interactive_;
    Screen screen_;
    ItemPrinter printer_;
    EscapeParser escape_;

    std::deque<EscapeParser::Piece> typed_;  // bytes and breaks that wait for the console
    std::size_t typed_bytes_ = 0;
    bool stdin_open_ = true;
    bool drained_ = false;
    bool done_ = false;
    bool told_read_only_ = false;
    std::optional<int> fatal_signal_;
    Clock::time_point last_activity_ = Clock::now();
};

int Session::run() {
    // Without a terminal, a reader has no use for stdin and stays until it is interrupted.
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

void Session::greet() {
    if (!interactive_) return;
    const auto& port = console_.port();
    auto text = "attached to " + printable(port.name) + " (" + printable(port.device) + "), " +
                std::to_string(port.baud) + " " + to_string(port.format);
    if (command_.read_only) text += ", read-only";
    if (command_.escape_key >= 0) text += "; " + key_name(command_.escape_key) + " ? for help";
    say(text);
    if (port.state == client::State::offline)
        say("the device is away: " + printable(port.offline_reason) + "; waiting for it");
}

int Session::poll_timeout_ms() const {
    if (stdin_open_ || command_.read_only || !command_.wait) return -1;
    if (!drained_) return 0;  // check_pipe_end() waits meanwhile
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(last_activity_ + *command_.wait - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 3600 * 1000));
}

void Session::wait() {
    const bool want_typed = stdin_open_ && typed_bytes_ < typed_bytes_max;
    std::array<pollfd, 4> fds{{
        {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
        {.fd = screen_.full() ? -1 : console_.ready_fd(), .events = POLLIN, .revents = 0},
        {.fd = want_typed ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0},
        {.fd = screen_.empty() ? -1 : screen_.fd(), .events = POLLOUT, .revents = 0},
    }};
    if (::poll(fds.data(), fds.size(), poll_timeout_ms()) <= 0) return;
    while (const auto number = signals_.take()) on_signal(*number);
    if (fds[2].revents != 0) read_stdin();
    if (fds[3].revents != 0 && !screen_.flush()) done_ = true;
}

void Session::on_signal(int number) {
    if (number == SIGTSTP) {
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

void Session::read_stdin() {
    std::array<char, 64 * 1024> buffer;
    const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
        stdin_open_ = false;
        last_activity_ = Clock::now();
        done_ = done_ || interactive_;  // the terminal is gone
        return;
    }
    on_typed({buffer.data(), static_cast<std::size_t>(count)});
}

void Session::on_typed(std::string_view typed) {
    for (auto& piece : escape_.feed(typed)) {
        const auto* key = std::get_if<Key>(&piece);
        if (key != nullptr && *key != Key::send_break) {
            on_key(*key);
        } else if (command_.read_only) {
            if (!std::exchange(told_read_only_, true)) say("read-only: what you type is not sent");
        } else {
            if (const auto* bytes = std::get_if<std::string>(&piece)) typed_bytes_ += bytes->size();
            typed_.push_back(std::move(piece));
        }
    }
}

void Session::on_key(Key key) {
    const auto escape = key_name(command_.escape_key);
    if (key == Key::quit) {
        done_ = true;
    } else if (key == Key::help) {
        say(escape + " . leaves");
        say(escape + " b sends a break");
        say(escape + " i tells about the port");
        say(escape + " " + escape + " sends " + escape);
    } else if (key == Key::info) {
        const auto port = client_.get_port(command_.port);
        if (!port) return say("no answer: " + printable(port.error().message));
        say(printable(port->name) + " at " + options_.server + ": " +
            (port->state == client::State::online ? "online" : "offline: " + printable(port->offline_reason)) + ", " +
            std::to_string(port->baud) + " " + to_string(port->format) + ", " + std::to_string(port->readers) +
            " readers, offset " + std::to_string(console_.next_offset()));
        if (port->signals) say("wires: " + describe(*port->signals));
    } else {
        say("not a command; " + escape + " ? lists them");
    }
}

void Session::send_typed() {
    while (!typed_.empty()) {
        auto& front = typed_.front();
        if (auto* bytes = std::get_if<std::string>(&front)) {
            const auto taken = console_.try_write(*bytes);
            typed_bytes_ -= taken;
            bytes->erase(0, taken);
            if (!bytes->empty()) return;  // ready_fd() tells when there is room
        } else if (!console_.send_break()) {
            say("the break was not sent: too much is waiting already");
        }
        typed_.pop_front();
    }
}

void Session::show_items() {
    while (!screen_.full()) {
        const auto item = console_.next(std::chrono::milliseconds{0});
        if (!item) break;
        last_activity_ = Clock::now();
        show(*item);
    }
    if (console_.ended()) done_ = true;
    // At once, without another turn through poll(): a lone echoed byte is what a person waits for.
    if (!screen_.empty() && !screen_.flush()) done_ = true;
}

void Session::show(const client::ConsoleItem& item) {
    if (options_.json) return printer_.print(item);
    if (const auto* data = std::get_if<client::Data>(&item)) return screen_.show(data->bytes);
    if (const auto* gap = std::get_if<client::Gap>(&item)) return say(describe(*gap));
    if (const auto* event = std::get_if<client::Event>(&item)) return say(describe(*event));
    if (const auto* lost = std::get_if<client::Disconnected>(&item)) return say(describe(*lost));
    if (const auto* back = std::get_if<client::Reconnected>(&item)) return say(describe(*back));
    if (const auto* restart = std::get_if<client::LogRestarted>(&item)) return say(describe(*restart));
}

void Session::check_pipe_end() {
    if (done_ || stdin_open_ || command_.read_only || !command_.wait) return;
    if (!drained_) {
        // In slices, so that signals and output are looked after meanwhile.
        drained_ = typed_.empty() && console_.drain(drain_slice).ok();
        last_activity_ = Clock::now();
    } else if (Clock::now() - last_activity_ >= *command_.wait && screen_.empty()) {
        done_ = true;
    }
}

int Session::leave() {
    const auto error = console_.error();
    if (!error && !fatal_signal_ && !drained_ && !command_.read_only) {
        if (typed_.empty()) drained_ = console_.drain(drain_on_quit).ok();
        const auto left = typed_bytes_ + console_.tx_bytes_waiting();
        if (left > 0) say(std::to_string(left) + " bytes were not sent");
    }
    screen_.undo_modes();
    if (interactive_) say("left " + printable(command_.port) + " at offset " + std::to_string(console_.next_offset()));
    screen_.flush_for(last_flush);
    if (error || fatal_signal_) terminal_.discard_typed();  // who left by a key may have typed ahead for the shell
    terminal_.restore();
    console_.close();
    if (fatal_signal_) AttachSignals::die_of(*fatal_signal_);
    return error ? complain(*error, options_.json) : exit_ok;
}

struct Connected {
    client::Client client;
    client::Console console;
};

client::Result<Connected> connect_and_open(const client::ConnectOptions& connect, const AttachCommand& command,
                                           const Options& options) {
    client::ConsoleOptions console_options;
    console_options.from = command.from;
    console_options.mode = command.read_only   ? client::Mode::read_only
                           : command.exclusive ? client::Mode::exclusive
                                               : client::Mode::read_write;
    std::array<char, 48> host{};
    ::gethostname(host.data(), host.size() - 1);
    console_options.client = std::string("vserctl@") + host.data();

    auto client = client::Client::connect(options.server, connect);
    if (!client) return std::move(client).error();
    auto console = client->attach(command.port, std::move(console_options));
    if (!console) return std::move(console).error();
    return Connected{*std::move(client), *std::move(console)};
}

/// Threads started meanwhile have the signals blocked; here, where nothing needs tidying up yet, they work as usual.
client::Result<Connected> connect_without_signals(const client::ConnectOptions& connect, const AttachCommand& command,
                                                  const Options& options) {
    std::optional<client::Result<Connected>> result;
    block_attach_signals();
    std::thread worker([&] { result = connect_and_open(connect, command, options); });
    unblock_attach_signals();
    worker.join();
    block_attach_signals();
    return *std::move(result);
}

}  // namespace

int run_attach(const client::ConnectOptions& connect, const AttachCommand& command, const Options& options) {
    auto connected = connect_without_signals(connect, command, options);
    if (!connected) return complain(connected.error(), options.json);
    return Session(connected->client, std::move(connected->console), command, options).run();
}

}  // namespace vserctl
