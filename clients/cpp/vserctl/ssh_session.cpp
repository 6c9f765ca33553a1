#include "vserctl/ssh_session.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>
#include <vector>

#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::string_view alias_mark = "host:";
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t address_bytes_max = 60;  // the server takes names of up to 64 bytes
constexpr std::size_t shown_bytes_max = 40;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// Stricter than a configuration in one thing: a name that begins with '-' looks like an option.
bool is_port_name(std::string_view name) {
    return !name.empty() && name.size() <= name_bytes_max && name.front() != '-' &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const auto begin = text.find_first_not_of(' ');
        if (begin == std::string_view::npos) return words;
        const auto end = std::min(text.find(' ', begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
}

client::Error refusal(std::string_view text) {
    const bool is_long = text.size() > shown_bytes_max;
    return {
        .code = client::Code::invalid_argument,
        .message = fmt::format("'{}{}' is not accepted. Use 'PORT' for a console, 'PORT read' to print what the port "
                               "received, or no command to list the ports",
                               printable(text.substr(0, shown_bytes_max)), is_long ? "..." : ""),
        .reason = "USAGE",
        .metadata = {}};
}

std::string_view port_of_alias(std::string_view alias) {
    const auto dash = alias.find('-');
    return dash == std::string_view::npos ? std::string_view() : alias.substr(dash + 1);
}

ReadCommand read_of(std::string_view port) {
    ReadCommand read;
    read.port = port;
    read.from = client::StartPoint::oldest();
    return read;
}

AttachCommand attach_of(std::string_view port, bool suggest_terminal) {
    AttachCommand attach;
    attach.port = port;
    attach.from = client::StartPoint::live();
    attach.wait = pipe_wait_default;
    attach.suggest_terminal = suggest_terminal;
    return attach;
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

}  // namespace

Result<Command> parse_ssh_command(std::string_view text) {
    if (text.size() > ssh_command_bytes_max) return refusal(text);
    const auto words = words_of(text);
    if (words.empty()) return Command(PortsCommand{});

    auto port = words[0];
    if (port.starts_with(alias_mark)) port = port_of_alias(port.substr(alias_mark.size()));
    if (!is_port_name(port) || words.size() > 2) return refusal(text);
    if (words.size() == 1) return Command(attach_of(port, /*suggest_terminal=*/true));
    if (words[1] == "attach") return Command(attach_of(port, /*suggest_terminal=*/false));
    if (words[1] == "read") return Command(read_of(port));
    return refusal(text);
}

std::string ssh_client_name(std::string_view connection) {
    const auto address = connection.substr(0, connection.find(' '));
    const bool valid = !address.empty() && address.size() <= address_bytes_max &&
                       std::all_of(address.begin(), address.end(),
                                   [](char c) { return is_letter_or_digit(c) || c == '.' || c == ':' || c == '%'; });
    return valid ? fmt::format("ssh@{}", address) : "ssh";
}

Result<Command> take_ssh_session_from_environment() {
    const auto text = variable("SSH_ORIGINAL_COMMAND");
    const auto connection = variable("SSH_CONNECTION");
    const auto terminal = variable("TERM");
    ::clearenv();
    if (!terminal.empty()) ::setenv("TERM", terminal.c_str(), 1);

    auto command = parse_ssh_command(text);
    if (!command) return command;
    if (auto* attach = std::get_if<AttachCommand>(&*command)) attach->client_name = ssh_client_name(connection);
    return command;
}

}  // namespace vserctl
