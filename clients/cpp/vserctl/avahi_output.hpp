#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vserctl {

/// A bridge that announces itself on the local network. Anybody there can announce anything.
struct AnnouncedBridge {
    std::string name;  ///< of the announcement
    std::string host;
    std::uint16_t port = 0;
    std::vector<std::string> addresses;  ///< IPv4 and IPv6; fe80:: with the interface
    // What the announcement says of the server; empty: nothing.
    std::string bridge;
    std::string version;
    std::optional<bool> tls;
};

/// What `avahi-browse --resolve --parsable` prints, in pieces as they arrive. One AnnouncedBridge for each host, port and name,
/// however many addresses and interfaces it was found at.
class AvahiOutput {
public:
    void add(std::string_view bytes);
    /// By name.
    std::vector<AnnouncedBridge> bridges() const;
    /// Lines that are no announcement of a bridge, and announcements beyond the limit of 1000 bridges.
    std::size_t ignored() const noexcept { return ignored_; }

private:
    void add_line(std::string_view line);

    std::string line_;  ///< the end that has arrived of the present line
    std::vector<AnnouncedBridge> bridges_;
    std::size_t ignored_ = 0;
};

}  // namespace vserctl
