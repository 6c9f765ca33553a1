#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/attach_questions.hpp"
#include "vserctl/attach_signals.hpp"
#include "vserctl/escape.hpp"
#include "vserctl/lease_keys.hpp"
#include "vserctl/options.hpp"
#include "vserctl/output.hpp"
#include "vserctl/owner.hpp"
#include "vserctl/screen.hpp"
#include "vserctl/terminal.hpp"

namespace vserctl {

/// `vserctl attach` after the console is open: one loop over the console, stdin, stdout and signals. Every wait for the server
/// has a limit.
class AttachSession {
public:
    /// `command` and `options` outlive it.
    AttachSession(Owner owner, vser::client::Console console, const AttachCommand& command, const Options& options);

    /// Returns the exit code.
    int run();

private:
    using Clock = std::chrono::steady_clock;

    void greet();
    void wait();
    int poll_timeout_ms() const;
    void on_signal(int number);
    void read_stdin();
    void on_typed(std::vector<EscapeParser::Piece> pieces);
    void on_key(Key key);
    void use_lease(Key key);
    void help();
    void discard();
    void flush_output();
    void show_discarded();
    void finish_discarding();
    void send_typed();
    void show_items();
    void show(const vser::client::ConsoleItem& item);
    void count_refused(const vser::client::ConsoleItem& item);
    void check_pipe_end();
    int leave();
    void send_the_rest();
    void flush_screen();
    int exit_status();
    /// Prints a message about the connection or the device, unless --quiet or --json is set.
    void say(const std::string& text);
    void say_unless_empty(const std::string& text);
    /// Prints the answer to a key.
    void answer(const std::string& text);

    const Owner owner_;
    vser::client::Console console_;
    const AttachCommand& command_;
    const Options& options_;
    AttachSignals signals_;
    RawTerminal terminal_;
    const bool interactive_;
    Screen screen_;
    ItemPrinter printer_;  // with --json
    EscapeParser escape_;
    LeaseKeys lease_keys_;
    AttachQuestions questions_;

    std::deque<EscapeParser::Piece> typed_;  // bytes and breaks that the console has not accepted yet
    std::size_t typed_bytes_ = 0;
    std::optional<vser::client::PendingCall<std::uint64_t>> flush_;
    bool connected_ = true;    // as far as the items show
    bool discarding_ = false;  // the console reconnects, which discards bytes in transit
    std::uint64_t discarded_bytes_ = 0;
    bool stdin_open_ = true;
    bool drained_ = false;
    bool done_ = false;
    bool reported_read_only_ = false;
    int stdin_error_ = 0;
    std::uint64_t unsent_bytes_ = 0;  // read from stdin, and rejected or not sent
    std::optional<int> fatal_signal_;
    Clock::time_point last_activity_ = Clock::now();
    Clock::time_point last_typed_ = Clock::now();
};

}  // namespace vserctl
