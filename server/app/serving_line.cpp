#include "app/serving_line.hpp"

#include <fmt/core.h>

#include "base/text.hpp"

namespace vserd {
namespace {

constexpr std::size_t addresses_listed_max = 16;

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
    std::string line =
        fmt::format("vserd " VSERD_VERSION " serving {} ports on {}", ports, base::joined(grpc.addresses(), ", "));
    for (auto each = front_ends.rbegin(); each != front_ends.rend(); ++each) {
        if (each->get() == &grpc || (*each)->addresses().empty()) continue;
        line += fmt::format("; {} {}", (*each)->name(), listed((*each)->addresses()));
    }
    return line + fmt::format("; engine {}", engine);
}

std::string advice(const std::string& address, bool telnet, const std::string& page) {
    return fmt::format(
        "\n{2}Try, in another terminal:\n"
        "  vserctl ports                 list the ports\n"
        "  vserctl attach console        a small device at a prompt; Ctrl-] then . leaves\n"
        "{1}"
        "  grpcurl -plaintext {0} list\n"
        "  grpcurl -plaintext {0} vser.v1.PortService/ListPorts\n"
        "Ctrl-C here stops the daemon.\n",
        address, telnet ? "  telnet 127.0.0.1 7002         the same device\n" : "",
        page.empty() ? "" : fmt::format("Open {} in a browser.\n", page));
}

}  // namespace vserd
