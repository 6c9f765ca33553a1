#include "vserctl/session_options.hpp"

#include <CLI/CLI.hpp>
#include <chrono>

#include "vserctl/token.hpp"
#include "vserctl/usage.hpp"

namespace vserctl {
namespace {

TokenCommand token_of(const RawArguments& arguments) {
    if (!is_token_name(arguments.token_name)) refuse("NAME must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'");
    TokenCommand command{arguments.token_name, {}};
    if (arguments.expires)
        command.expires = checked(parse_expiry(*arguments.expires, std::chrono::system_clock::now()));
    return command;
}

NoticeCommand notice_of(const RawArguments& arguments) {
    if (arguments.text.empty()) refuse("TEXT is empty: write one line of at most 1024 bytes");
    return {arguments.port, arguments.text};
}

void add_who(CommandSet& commands) {
    auto* who = commands.add("who", "Show who is connected to the ports",
                             "  vserctl who\n  vserctl who vser0 --json\n  vserctl --fleet lab7:50051 who",
                             [](const RawArguments& raw) -> Command { return WhoCommand{raw.ports}; });
    who->add_option("PORT", commands.arguments().ports, "Only these")->type_name("");
}

void add_end(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* end = commands.add("end", "End a session of another client, which does not reconnect by itself",
                             "  vserctl end k7fm-12\n"
                             "  vserctl end k7fm-12 --reason 'the board is needed for a release'",
                             [](const RawArguments& raw) -> Command {
                                 return EndCommand{raw.session, raw.reason};
                             });
    end->add_option("SESSION", arguments.session, "The session's id, as who shows it")->required()->type_name("");
    end->add_option("--reason", arguments.reason, "What the client is told")->type_name("TEXT");
}

void add_notice(CommandSet& commands) {
    auto* notice =
        commands.add("notice", "Show a line of text to everybody attached to a port; the device does not receive it",
                     "  vserctl notice vser0 'I reboot the board at 5'",
                     [](const RawArguments& raw) -> Command { return notice_of(raw); });
    commands.add_port(notice);
    notice->add_option("TEXT", commands.arguments().text, "One line, 1024 bytes at most")->required()->type_name("");
}

void add_token(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* token =
        commands.add("token", "Make a token for a client; print it, and its line for the server's tokens file",
                     "  vserctl token new ci-1 --expires 90d\n  vserctl token new ann --json",
                     [](const RawArguments& raw) -> Command { return token_of(raw); });
    token->add_option("ACTION", arguments.action, "new")->required()->type_name("")->check(one_of({"new"}));
    token->add_option("NAME", arguments.token_name, "Rules of the server know the client as token:NAME")
        ->required()
        ->type_name("");
    token->add_option("--expires", arguments.expires, "A duration such as 90d, or a time such as 2026-12-31")
        ->type_name("WHEN");
}

}  // namespace

void add_session_commands(CommandSet& commands) {
    add_who(commands);
    add_end(commands);
    add_notice(commands);
    add_token(commands);
}

}  // namespace vserctl
