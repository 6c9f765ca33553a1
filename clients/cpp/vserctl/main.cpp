#include <absl/synchronization/mutex.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/archive.hpp"
#include "vserctl/attach.hpp"
#include "vserctl/commands.hpp"
#include "vserctl/discover.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/fleet.hpp"
#include "vserctl/lease.hpp"
#include "vserctl/lease_environment.hpp"
#include "vserctl/log.hpp"
#include "vserctl/options.hpp"
#include "vserctl/output.hpp"
#include "vserctl/server_choice.hpp"
#include "vserctl/sessions.hpp"
#include "vserctl/ssh_session.hpp"
#include "vserctl/token.hpp"
#include "vserctl/transfer.hpp"
#include "vserctl/tty.hpp"
#include "vserctl/yield.hpp"

namespace {

using namespace vserctl;

struct Run {
    const vser::client::Client& client;
    const Options& options;

    int operator()(const PortsCommand& command) const { return run_ports(client, command, options.json); }
    int operator()(const WatchCommand& command) const { return run_watch(client, command, options.json); }
    int operator()(const AttachCommand&) const { return exit_usage; }    // never called: see run_attach()
    int operator()(const SshCommand&) const { return exit_usage; }       // never called: run() has replaced it
    int operator()(const TtyCommand&) const { return exit_usage; }       // the same: see run_tty()
    int operator()(const TransferCommand&) const { return exit_usage; }  // the same: see run_transfer()
    int operator()(const ConfigCommand&) const { return exit_usage; }    // the same: see run_config()
    int operator()(const YieldCommand&) const { return exit_usage; }     // never called: see run_yield()
    int operator()(const TokenCommand&) const { return exit_usage; }     // the same: see run_token()
    int operator()(const ArchiveCommand&) const { return exit_usage; }   // the same: see run_archive()
    int operator()(const DiscoverCommand&) const { return exit_usage; }  // the same: see run_discover()
    int operator()(const FleetCommand&) const { return exit_usage; }     // the same: see run_in_fleet()
    int operator()(const LeaseCommand&) const { return exit_usage; }     // never called: see run_lease()
    int operator()(const ReadCommand& command) const { return run_read(client, command, options); }
    int operator()(const LogCommand& command) const { return run_log(client, command); }
    int operator()(const WriteCommand& command) const { return run_write(client, command, options); }
    int operator()(const BaudCommand& command) const { return run_baud(client, command, options.json); }
    int operator()(const FormatCommand& command) const { return run_format(client, command, options.json); }
    int operator()(const SignalsCommand& command) const { return run_signals(client, command, options.json); }
    int operator()(const BreakCommand& command) const { return run_break(client, command, options.json); }
    int operator()(const FlushCommand& command) const { return run_flush(client, command, options.json); }
    int operator()(const HealthCommand& command) const { return run_health(client, command, options.json); }
    int operator()(const InfoCommand&) const { return run_info(client, options); }
    int operator()(const WhoCommand& command) const { return run_who(client, command, options.json); }
    int operator()(const EndCommand& command) const { return run_end(client, command, options.json); }
    int operator()(const NoticeCommand& command) const { return run_notice(client, command, options.json); }
};

/// gRPC's log lines would appear in the console's output.
void silence_grpc() { ::setenv("GRPC_VERBOSITY", "NONE", 0); }

/// Replaces the command `ssh`. Returns false, after a message, if what the client asked for is rejected.
bool take_ssh_session(Options& options) {
    auto command = take_ssh_session_from_environment();
    silence_grpc();
    if (!command) {
        print_error(command.error(), options.json);
        return false;
    }
    options.command = *std::move(command);
    return true;
}

int run(std::vector<std::string> arguments) {
    auto outcome = parse_command_line(std::move(arguments));
    put(outcome.out);
    put_message(outcome.err);
    if (!outcome.options) return outcome.exit_code;
    auto& options = *outcome.options;
    if (std::holds_alternative<SshCommand>(options.command) && !take_ssh_session(options)) return exit_usage;

    if (const auto* token = std::get_if<TokenCommand>(&options.command)) return run_token(*token, options.json);
    if (const auto* archive = std::get_if<ArchiveCommand>(&options.command)) return run_archive(*archive, options.json);
    if (const auto* discover = std::get_if<DiscoverCommand>(&options.command))
        return run_discover(*discover, options.json);
    if (const auto* config = std::get_if<ConfigCommand>(&options.command)) return run_config(*config, options);

    if (!options.fleet.empty()) {
        if (const auto status = run_in_fleet(options)) return *status;
    }
    const auto connect = connect_options(options);
    if (const auto* attach = std::get_if<AttachCommand>(&options.command)) return run_attach(connect, *attach, options);
    if (const auto* tty = std::get_if<TtyCommand>(&options.command)) return run_tty(connect, *tty, options);
    if (const auto* yield = std::get_if<YieldCommand>(&options.command)) return run_yield(connect, *yield, options);
    if (const auto* lease = std::get_if<LeaseCommand>(&options.command)) return run_lease(connect, *lease, options);
    if (const auto* transfer = std::get_if<TransferCommand>(&options.command))
        return run_transfer(connect, *transfer, options);

    const auto client = connect_client(options.server, connect);
    if (!client) return print_error(client.error(), options.json);
    return std::visit(Run{*client, options}, options.command);
}

/// If standard descriptors are closed, later open() calls would get their numbers. Opens them in the wrong direction, so that
/// reading or writing them fails instead of losing bytes.
void open_missing_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // NOLINT(android-cloexec-open)
    }
}

}  // namespace

int main(int argc, char** argv) {
    open_missing_standard_descriptors();
    silence_grpc();
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);    // slow, and on by default in Debian
    for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_IGN);  // write() returns an error instead
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    try {
        const int status = run(arguments);
        return status == exit_ok && message_was_lost() ? exit_refused : status;
    } catch (const std::exception& error) {  // for example OutputFailed
        return print_error(std::string(error.what()), asks_for_json(arguments));
    }
}
