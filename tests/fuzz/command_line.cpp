// The command lines of vserctl and vserd, one word a line, and the small languages in their words.
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "app/options.hpp"
#include "fuzz/fuzz.hpp"
#include "vserctl/options.hpp"
#include "vserctl/parse.hpp"

namespace {

template <class T>
bool taken(const vser::client::Result<T>& result) {
    if (result.ok()) return true;
    require(result.error().code == vser::client::Code::invalid_argument, "a wrong word is an invalid argument");
    require(result.error().message.size() > 10, "its error says what would be right");
    return false;
}

void words(std::string_view text) {
    static_cast<void>(taken(vserctl::parse_bytes(text)));
    if (const auto duration = vserctl::parse_duration(text); taken(duration)) {
        require(duration->count() >= 0, "no duration is negative");
    }
    if (const auto from = vserctl::parse_from(text); taken(from)) {
        const auto* age = std::get_if<vser::client::StartPoint::Age>(&from->where);
        if (age != nullptr) require(age->value.count() >= 0, "an age lies in the past");
    }
    static_cast<void>(taken(vserctl::parse_signal_change({std::string(text)})));
    if (const auto key = vserctl::parse_escape_key(text); taken(key)) {
        require(*key >= -1 && *key < 0x20, "the escape key is a control key");
    }
    if (const auto bytes = vserctl::unescape(text); taken(bytes)) {
        require(bytes->size() <= text.size(), "escapes make nothing longer");
    }
}

void client(const std::vector<std::string>& arguments) {
    const auto outcome = vserctl::parse_command_line(arguments);
    require(outcome.options.has_value() == (outcome.out.empty() && outcome.err.empty()), "either options or words");
    if (outcome.options) return;
    require(outcome.exit_code == (outcome.err.empty() ? 0 : 2), "help is no mistake, a mistake is usage");
    require(outcome.out.empty() || outcome.err.empty(), "one or the other");
}

void server(std::vector<std::string> arguments) {
    std::ostringstream printed;  // the library prints to these
    auto* const out = std::cout.rdbuf(printed.rdbuf());
    auto* const err = std::cerr.rdbuf(printed.rdbuf());
    arguments.insert(arguments.begin(), "vserd");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int exit_code = -1;
    const auto options = vserd::parse_options(static_cast<int>(argv.size()) - 1, argv.data(), exit_code);
    std::cout.rdbuf(out);
    std::cerr.rdbuf(err);
    if (options) {
        const bool check = options->command == vserd::Command::check;
        require(!check || !options->config_file.empty(), "there is something to check");
        require(check || options->demo == options->config_file.empty(), "there are ports to serve");
    } else {
        require(exit_code == 0 || exit_code == 2, "help is no mistake, a mistake is usage");
        require(!printed.str().empty(), "and is told");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ::unsetenv("VSERD_ADDRESS");
    const std::string_view text = Input(data, size).rest();
    words(text);
    std::vector<std::string> arguments;
    for (std::string_view left = text; !left.empty() && arguments.size() < 20;) {
        const auto end = std::min(left.find('\n'), left.size());
        arguments.emplace_back(left.substr(0, end).substr(0, left.find('\0')));
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    client(arguments);
    server(std::move(arguments));
    return 0;
}
