#include "vserctl/sessions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.hpp"
#include "vserctl/connect_console.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

const char* mode_name(client::SessionMode mode) {
    switch (mode) {
        case client::SessionMode::yielded: return "yielded";
        case client::SessionMode::read_only: return "read-only";
        case client::SessionMode::read_write: return "read-write";
        case client::SessionMode::exclusive: return "exclusive";
    }
    return "";
}

/// The clocks of the two machines may differ.
std::string age_of(const client::Session& session) {
    const client::Time now = std::chrono::system_clock::now();
    return human_duration(std::max(now - session.since, std::chrono::nanoseconds{0}));
}

std::vector<Table::Cell> row_of(const client::Session& session) {
    return {{printable(session.id)},           {printable(session.port)},
            {printable(session.client)},       {printable(session.via)},
            {mode_name(session.mode)},         {age_of(session)},
            {human_bytes(session.read_bytes)}, {human_bytes(session.written_bytes)},
            {human_bytes(session.lag_bytes)},  {printable(session.identity)},
            {printable(session.peer)}};
}

int print_json(const JsonObject& object) {
    put(object.text() + "\n");
    return exit_ok;
}

}  // namespace

JsonObject session_json(const client::Session& session) {
    static constexpr std::array modes{"MODE_UNSPECIFIED", "MODE_READ_ONLY", "MODE_READ_WRITE", "MODE_EXCLUSIVE"};
    return JsonObject()
        .field("id", session.id)
        .field("identity", session.identity)
        .field("via", session.via)
        .field("peer", session.peer)
        .field("client", session.client)
        .field("port", session.port)
        .field("mode", modes[static_cast<std::size_t>(session.mode)])
        .field("since", rfc3339(session.since))
        .field("read_bytes", session.read_bytes)
        .field("written_bytes", session.written_bytes)
        .field("lag_bytes", session.lag_bytes);
}

std::string sessions_table(const std::vector<SessionsOfBridge>& all, bool with_bridge) {
    std::vector<std::string> head{"SESSION", "PORT",    "CLIENT", "VIA",      "MODE", "FOR",
                                  "READ",    "WRITTEN", "BEHIND", "IDENTITY", "PEER"};
    if (with_bridge) head.insert(head.begin(), "BRIDGE");
    Table table(head);
    for (const auto& of : all) {
        for (const auto& session : of.sessions) {
            std::vector<Table::Cell> row = row_of(session);
            if (with_bridge) row.insert(row.begin(), Table::Cell{printable(of.bridge)});
            table.add(row);
        }
    }
    return table.text(stdout_wants_colour());
}

int run_who(const client::Client& client, const WhoCommand& command, bool json) {
    const auto sessions = client.sessions(command.ports);
    if (!sessions) return print_error(sessions.error(), json);
    if (json) {
        std::vector<JsonObject> list;
        for (const auto& session : *sessions) list.push_back(session_json(session));
        return print_json(JsonObject().field("sessions", list));
    }
    put(sessions_table({SessionsOfBridge{.bridge = {}, .sessions = *sessions}}, false));
    return exit_ok;
}

int run_end(const client::Client& client, const EndCommand& command, bool json) {
    const auto ended = client.end_session(command.session, command.reason, client_name());
    if (!ended) return print_error(ended.error(), json);
    return json ? print_json(JsonObject().field("id", command.session)) : exit_ok;
}

int run_notice(const client::Client& client, const NoticeCommand& command, bool json) {
    const auto readers = client.send_notice(command.port, command.text, client_name());
    if (!readers) return print_error(readers.error(), json);
    if (json) return print_json(JsonObject().field("port", command.port).field("readers", std::uint64_t{*readers}));
    put(vserd::base::counted(*readers, "reader") + "\n");
    return exit_ok;
}

std::string describe(const client::Session& session) {
    auto text = fmt::format("{}  {} by {}, {}, for {}", printable(session.id), printable(session.client),
                            printable(session.via), mode_name(session.mode), age_of(session));
    if (session.lag_bytes > 0) text += fmt::format(", {} behind", human_bytes(session.lag_bytes));
    if (!session.identity.empty()) text += fmt::format(" ({})", printable(session.identity));
    return text;
}

}  // namespace vserctl
