#include "vserctl/fleet_who.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "vserctl/bridge_targets.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/sessions.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

using Answer = client::Result<std::vector<client::Session>>;

constexpr std::size_t threads_max = 32;

Answer ask(const client::Fleet& fleet, const BridgeTarget& target) {
    const auto bridge = fleet.connect_to(target.address, target.tls);
    if (!bridge) return bridge.error();
    return bridge->sessions(target.ports);
}

/// One answer for each target.
std::vector<std::optional<Answer>> ask_all(const client::Fleet& fleet, const std::vector<BridgeTarget>& targets) {
    std::vector<std::optional<Answer>> answers(targets.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
        for (std::size_t each = next++; each < targets.size(); each = next++) answers[each] = ask(fleet, targets[each]);
    };
    std::vector<std::thread> threads;
    for (std::size_t count = std::min(targets.size(), threads_max); count > 0; --count) threads.emplace_back(work);
    for (auto& thread : threads) thread.join();
    return answers;
}

void put_rows(const std::vector<SessionsOfBridge>& rows, const std::vector<JsonObject>& failed, bool json) {
    if (!json) return put(sessions_table(rows, true));
    std::vector<JsonObject> list;
    for (const auto& of : rows) {
        for (const auto& session : of.sessions) list.push_back(session_json(session).field("bridge", of.bridge));
    }
    put(JsonObject().field("sessions", list).field("failed", failed).text() + "\n");
}

}  // namespace

int run_fleet_who(const client::Fleet& fleet, const WhoCommand& command, bool json) {
    const auto targets = bridge_targets(fleet, command.ports);
    if (!targets) return print_error(targets.error(), json);
    if (targets->missing) return print_error(*targets->missing, json);
    const auto answers = ask_all(fleet, targets->list);
    std::vector<SessionsOfBridge> rows;
    std::vector<JsonObject> failed;
    std::optional<client::Error> error;
    for (std::size_t each = 0; each < answers.size(); ++each) {
        const auto& bridge = targets->list[each].bridge;
        const auto& answer = *answers[each];
        if (answer) {
            rows.push_back({bridge, *answer});
            continue;
        }
        error = answer.error();
        failed.push_back(JsonObject().field("bridge", bridge).field("error", to_json(*error)));
        if (!json) put_note(fmt::format("bridge {} is left out: {}", printable(bridge), printable(error->message)));
    }
    if (rows.empty() && error) return print_error(*error, json);
    put_rows(rows, failed, json);
    return exit_ok;
}

}  // namespace vserctl
