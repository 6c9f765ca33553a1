#include "app/serving_line.hpp"

#include <fmt/core.h>

#include "base/text.hpp"

namespace vserd {
namespace {

constexpr std::size_t addresses_listed_max = 16;
constexpr std::string_view vserctl_default = "127.0.0.1:50051";

/// The first of a list that may be long.
std::string listed(std::vector<std::string> words) {
    if (words.size() > addresses_listed_max) {
        const std::string more = fmt::format("and {} more", words.size() - addresses_listed_max);
        words.resize(addresses_listed_max);
        words.push_back(more);
    }
    return base::joined(words, ", ");
}

}  // namespace

std::string serving_line(std::size_t ports, const std::vector<std::unique_ptr<net::FrontEnd>>& front_ends,
                         const net::FrontEnd& grpc, std::string_view engine) {
    std::string line = fmt::format("vserd " VSERD_VERSION " serving {} on {}", base::counted(ports, "port"),
                                   base::joined(grpc.addresses(), ", "));
    for (auto each = front_ends.rbegin(); each != front_ends.rend(); ++each) {
        if (each->get() == &grpc || (*each)->addresses().empty()) continue;
        line += fmt::format("; {} {}", (*each)->name(), listed((*each)->addresses()));
    }
    return line + fmt::format("; engine {}", engine);
}

std::string advice(const std::string& address, bool telnet, const std::string& page) {
    const std::string vserctl = address == vserctl_default ? "vserctl" : "vserctl -s " + address;
    const std::string attach = vserctl + " attach console";
    const auto line = [width = attach.size() + 2](const std::string& command, std::string_view what) {
        return fmt::format("  {:<{}}{}\n", command, width, what);
    };
    std::string text = page.empty() ? "\n" : fmt::format("\nOpen {} in a browser.\n", page);
    text += "Try, in another terminal:\n" + line(vserctl + " ports", "list the ports") +
            line(attach, "a small device at a prompt; Ctrl-] then . leaves");
    if (telnet) text += line("telnet 127.0.0.1 7002", "the same device");
    return text + fmt::format(
                      "  grpcurl -plaintext {0} list\n"
                      "  grpcurl -plaintext {0} vser.v1.PortService/ListPorts\n"
                      "Ctrl-C here stops the daemon.\n",
                      address);
}

}  // namespace vserd
