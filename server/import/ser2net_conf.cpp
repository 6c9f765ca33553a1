#include <arpa/inet.h>
#include <fmt/core.h>

#include "import/gensio.hpp"
#include "import/port_set.hpp"
#include "import/readers.hpp"
#include "import/ser2net_options.hpp"
#include "import/words.hpp"

namespace vserd::importing {
namespace {

/// "PORT:STATE:TIMEOUT:DEVICE:OPTIONS", the lines of ser2net before version 4.
struct OldLine {
    std::string address;
    std::string state;
    std::string timeout;
    std::string device;
    std::string options;
};

/// An IPv6 address has colons of its own, before a comma: "::1,3000". Elsewhere, commas separate options.
std::size_t ipv6_size(std::string_view line) {
    const std::size_t comma = line.find(',');
    if (comma == std::string_view::npos) return 0;
    const std::string host(line.substr(0, std::min(comma, line.find('%'))));
    in6_addr address{};
    return inet_pton(AF_INET6, host.c_str(), &address) == 1 ? comma : 0;
}

/// Splits at single colons: a device such as /dev/serial/by-path/pci-0000:00 cannot be told apart in this format.
OldLine old_line(std::string_view line, Place at) {
    OldLine parts;
    std::size_t colon = line.find(':', ipv6_size(line));
    for (std::string* part : {&parts.address, &parts.state, &parts.timeout, &parts.device}) {
        if (colon == std::string_view::npos && part != &parts.device) {
            throw Fault{at, "expected PORT:STATE:TIMEOUT:DEVICE:OPTIONS, as of ser2net.conf"};
        }
        *part = trimmed(line.substr(0, colon));
        line.remove_prefix(std::min(colon == std::string_view::npos ? colon : colon + 1, line.size()));
        colon = line.find(':');
    }
    parts.options = line;
    return parts;
}

/// Whether the line defines something else than a port, such as "BANNER:banner:text".
bool is_definition(std::string_view line) {
    const std::string_view word = line.substr(0, line.find(':'));
    return !word.empty() && word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == std::string_view::npos;
}

ImportedListen listener(const OldLine& line) {
    ImportedListen listen;
    listen.entry.protocol = line.state == "telnet" ? "telnet" : "raw";
    const std::size_t comma = line.address.rfind(',');
    if (comma == std::string::npos) {
        listen.entry.address = "[::]:" + line.address;
    } else {
        const std::string host = line.address.substr(0, comma);
        listen.entry.address =
            (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + line.address.substr(comma + 1);
    }
    return listen;
}

/// Removes the word from `options`; whether it was there.
bool take_word(std::string& options, std::string_view word) {
    std::vector<std::string> words = split(options, " \t,");
    const bool found = std::erase(words, word) > 0;
    options.clear();
    for (const std::string& each : words) options += each + " ";
    return found;
}

}  // namespace

void read_ser2net_conf(std::string_view text, const Environment& environment, Document& document) {
    PortSet ports(environment, document);
    Place at{0, 1};
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++at.line;
        if (line.empty() || line.starts_with('#')) continue;
        if (is_definition(line)) {
            document.remarks.push_back({at, fmt::format("{}: no equivalent in vserd", line)});
            continue;
        }
        OldLine parts = old_line(line, at);
        ImportedPort port;
        port.entry.name = parts.device.substr(parts.device.rfind('/') + 1);
        port.entry.device = parts.device;
        port.listen.push_back(listener(parts));
        const bool rfc2217 = take_word(parts.options, "remctl");
        if (rfc2217) port.listen.front().entry.protocol = "rfc2217";
        const bool kicks = take_word(parts.options, "kickolduser");
        read_serial_options(parts.options, at, {}, port);
        apply_options({{at, "kickolduser", kicks ? "true" : "false"}}, at, {}, port);
        if (parts.timeout != "0")
            port.remarks.push_back({at, "timeout " + parts.timeout + ": idle clients stay connected"});
        if (parts.state == "rawlp") port.remarks.push_back({at, "rawlp: vserd also reads from the device"});
        if (parts.state == "off") {
            port.remarks.push_back({at, "off in ser2net: remove the comment signs to enable it"});
            port.active = false;
        }
        ports.add(std::move(port), at);
    }
}

}  // namespace vserd::importing
