#include "config/config.hpp"

namespace vserd::config {
namespace {

PortEntry simulated(std::string name, std::string device, std::uint32_t baud, std::string description) {
    PortEntry entry;
    entry.name = std::move(name);
    entry.device = std::move(device);
    entry.settings = line::with_change({}, {.baud = baud}).value();
    entry.description = std::move(description);
    return entry;
}

ListenEntry listener(std::string address, std::string protocol) {
    ListenEntry entry;
    entry.address = std::move(address);
    entry.protocol = std::move(protocol);
    return entry;
}

}  // namespace

Config demo() {
    Config config;
    config.listen = {"127.0.0.1:50051"};
    config.ports = {
        simulated("console", "sim:console?id=console", 115200,
                  "A small device that boots, prints, and answers at a prompt"),
        simulated("echo", "sim:echo", 115200, "Sends back what it is sent, at the pace of the line"),
        simulated("fast", "sim:echo?unpaced=1", 4'000'000, "Sends back what it is sent, at once"),
        simulated("slow", "sim:echo", 300, "An echo over an acoustic coupler"),
    };
    config.ports[0].listen = {listener("127.0.0.1:7002", "telnet")};
    config.ports[1].listen = {listener("127.0.0.1:7001", "rfc2217"), listener("127.0.0.1:7003", "raw")};
    config.web = WebEntry{.listen = {"127.0.0.1:8080"}, .hosts = {}};
    return config;
}

}  // namespace vserd::config
