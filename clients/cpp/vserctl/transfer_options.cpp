#include "vserctl/transfer_options.hpp"

#include <CLI/CLI.hpp>

#include "vserctl/parse.hpp"
#include "vserctl/usage.hpp"

namespace vserctl {

void add_transfer_options(CLI::App& app, TransferCommand& command) {
    app.add_option("PORT", command.port, "The port's name")->required()->type_name("");
    app.add_option("FILE", command.file, command.sends ? "The file to send" : "Where to put it; replaced on success")
        ->required()
        ->type_name("");
    const auto add = [&](const char* name, TransferProtocol protocol, const char* text) {
        return app.add_flag_callback(
            name, [&command, protocol] { command.protocol = protocol; }, text);
    };
    auto* xmodem = add("--xmodem", TransferProtocol::xmodem, "128 byte blocks; no name, and no exact size");
    auto* ymodem = add("--ymodem", TransferProtocol::ymodem, "1024 byte blocks")->excludes(xmodem);
    add("--zmodem", TransferProtocol::zmodem, "A stream of bytes")->excludes(xmodem)->excludes(ymodem);
    app.add_option_function<std::string>(
           "--wait", [&command](const std::string& text) { command.wait = checked(parse_duration(text), "--wait"); },
           "Give up when the device was silent this long")
        ->type_name("DURATION")
        ->default_str("1m");
}

const TransferCommand& checked_transfer(const TransferCommand& command) {
    if (command.protocol == TransferProtocol::unspecified)
        refuse("one of --xmodem, --ymodem and --zmodem is required; the device must use the same");
    return command;
}

}  // namespace vserctl
