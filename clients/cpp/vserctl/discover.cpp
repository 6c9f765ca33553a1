#include "vserctl/discover.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "vserctl/avahi_output.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/parse.hpp"
#include "vserctl/piped_process.hpp"
#include "vserctl/table.hpp"
#include "vserctl/usage.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

constexpr std::chrono::milliseconds browse_pause_max{1000};
constexpr std::size_t complaint_bytes_max = 4096;

/// Reads what is there. Returns false at the end.
template <class Take>
bool read_all(int fd, Take take) {
    std::array<char, 16384> buffer{};
    for (;;) {
        const auto count = ::read(fd, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count < 0 && errno == EAGAIN;
        take(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    }
}

/// A run of avahi-browse.
struct Browse {
    AvahiOutput found;
    std::string messages;
    std::optional<int> status;  ///< none: stopped at the limit

    void run(const std::string& program, std::chrono::milliseconds limit) {
        // -r resolve, -p parsable, -t end when all is known, -k raw types
        PipedProcess process({program, "-rptk", "_vserd._tcp"}, "/");
        const auto end = std::chrono::steady_clock::now() + limit;
        bool open = true;
        while (open && std::chrono::steady_clock::now() < end) {
            std::array<pollfd, 2> ready{pollfd{process.io_fd(), POLLIN, 0}, pollfd{process.messages_fd(), POLLIN, 0}};
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
            ::poll(ready.data(), ready.size(), static_cast<int>(std::clamp(left, {}, browse_pause_max).count()));
            open = read(process);
        }
        if (open) return;
        pollfd ended{process.exit_fd(), POLLIN, 0};
        ::poll(&ended, 1, 1000);
        status = process.status();
    }

private:
    bool read(const PipedProcess& process) {
        const bool open = read_all(process.io_fd(), [this](std::string_view bytes) { found.add(bytes); });
        read_all(process.messages_fd(), [this](std::string_view bytes) {
            messages += bytes.substr(0, complaint_bytes_max - std::min(messages.size(), complaint_bytes_max));
        });
        return open;
    }
};

std::string announced_address(const AnnouncedBridge& bridge) { return fmt::format("{}:{}", bridge.host, bridge.port); }

void put_bridges_json(const std::vector<AnnouncedBridge>& bridges) {
    std::vector<JsonObject> list;
    for (const auto& bridge : bridges) {
        auto object = JsonObject().field("name", bridge.name).field("bridge", bridge.bridge);
        object.field("address", announced_address(bridge)).field("addresses", bridge.addresses);
        object.field("version", bridge.version);
        if (bridge.tls) object.field("tls", *bridge.tls);
        list.push_back(object);
    }
    put(JsonObject().field("bridges", list).text() + "\n");
}

std::string with_spaces(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

void put_bridges(const std::vector<AnnouncedBridge>& bridges) {
    Table table({"BRIDGE", "ADDRESS", "TLS", "VERSION", "IP", "NAME"});
    const auto plain = [](const std::string& text) { return Table::Cell{printable(text), Colour::plain}; };
    for (const auto& bridge : bridges) {
        table.add({plain(bridge.bridge), plain(announced_address(bridge)),
                   plain(!bridge.tls   ? "?"
                         : *bridge.tls ? "yes"
                                       : "no"),
                   plain(bridge.version), plain(with_spaces(bridge.addresses)), plain(bridge.name)});
    }
    put(table.text(stdout_wants_colour()));
}

int show_found(const Browse& browse, std::chrono::milliseconds limit, bool json) {
    const auto bridges = browse.found.bridges();
    if (json) {
        put_bridges_json(bridges);
    } else if (bridges.empty()) {
        put_note("no server announces itself on this network");
    } else {
        put_bridges(bridges);
    }
    if (browse.found.ignored() > 0)
        put_note(fmt::format("{} announcements were not understood", browse.found.ignored()));
    if (!browse.status)
        put_note(fmt::format("stopped after {} ms; there may be more servers (--limit)", limit.count()));
    return exit_ok;
}

}  // namespace

void add_discover_options(CLI::App& app, DiscoverCommand& command) {
    app.add_option_function<std::string>(
           "--limit", [&command](const std::string& text) { command.limit = checked(parse_duration(text), "--limit"); },
           "Stop after this time (default 10s)")
        ->type_name("DURATION");
}

int run_discover(const DiscoverCommand& command, bool json) {
    const auto program = PipedProcess::find("avahi-browse");
    if (!program) return print_error("avahi-browse is not installed; install the package avahi-utils", json);
    Browse browse;
    try {
        browse.run(*program, command.limit);
    } catch (const std::system_error& error) {
        return print_error(fmt::format("cannot run {}", error.what()), json);
    }
    if (browse.status.value_or(0) == 0) return show_found(browse, command.limit, json);
    const auto message = browse.messages.substr(0, browse.messages.find('\n'));
    return print_error(fmt::format("avahi-browse failed: {}; does avahi-daemon run?", message), json);
}

}  // namespace vserctl
