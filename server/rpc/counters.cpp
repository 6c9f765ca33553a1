#include "rpc/counters.hpp"

namespace vserd::rpc {
namespace {

constexpr std::array<std::string_view, methods_count> method_names{
    "vser.v1.PortService/ListPorts",      "vser.v1.PortService/GetPort",         "vser.v1.PortService/WatchPorts",
    "vser.v1.PortService/GetBaud",        "vser.v1.PortService/SetBaud",         "vser.v1.PortService/GetFormat",
    "vser.v1.PortService/SetFormat",      "vser.v1.PortService/GetSignals",      "vser.v1.PortService/SetSignals",
    "vser.v1.PortService/SendBreak",      "vser.v1.PortService/Flush",           "vser.v1.ConsoleService/Attach",
    "vser.v1.ConsoleService/Read",        "vser.v1.ConsoleService/Write",        "vser.v1.ConsoleService/Collect",
    "vser.v1.AdminService/GetServerInfo", "vser.v1.PortService/Yield",           "vser.v1.SessionService/ListSessions",
    "vser.v1.SessionService/EndSession",  "vser.v1.SessionService/SendNotice",   "vser.v1.LeaseService/Acquire",
    "vser.v1.LeaseService/Renew",         "vser.v1.LeaseService/Release",        "vser.v1.LeaseService/ListLeases",
    "vser.v1.ConsoleService/WaitFor",     "vser.v1.FleetService/ListFleetPorts", "vser.v1.FleetService/ListBridges",
    "vser.v1.FleetService/WatchFleet",    "vser.v1.FleetService/Resolve"};

constexpr std::array<std::string_view, codes_count> code_names{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::size_t unknown_code = 2;

std::size_t code_index(int code) {
    return code >= 0 && static_cast<std::size_t>(code) < codes_count ? static_cast<std::size_t>(code) : unknown_code;
}

}  // namespace

std::string_view method_name(Method method) noexcept { return method_names[static_cast<std::size_t>(method)]; }

std::string_view code_name(int code) noexcept { return code_names[code_index(code)]; }

void RpcCounters::count(Method method, int code) noexcept {
    counts_[static_cast<std::size_t>(method)][code_index(code)].fetch_add(1, std::memory_order_relaxed);
}

std::vector<RpcCounters::Entry> RpcCounters::snapshot() const {
    std::vector<Entry> entries;
    for (std::size_t method = 0; method < methods_count; ++method) {
        for (std::size_t code = 0; code < codes_count; ++code) {
            const std::uint64_t count = counts_[method][code].load(std::memory_order_relaxed);
            if (count > 0) entries.push_back({method_names[method], code_names[code], count});
        }
    }
    return entries;
}

}  // namespace vserd::rpc
