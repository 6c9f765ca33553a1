#include "app/audit_refusals.hpp"

#include <fmt/core.h>

#include <utility>

namespace vserd {
namespace {

/// Each connection has another port number, which must not make it another client.
std::string_view host_of(std::string_view peer) {
    const auto colon = peer.rfind(':');
    const bool has_port = colon != std::string_view::npos && colon + 1 < peer.size() &&
                          peer.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    return has_port ? peer.substr(0, colon) : peer;
}

}  // namespace

bool AuditRefusals::is_one_too_many(const access::AuditRecord& record, Time now) {
    std::string key = fmt::format("{}\n{}\n{}\n{}", record.identity, record.via, host_of(record.peer), record.port);
    if (clients_.size() >= clients_max && !clients_.contains(key)) key.clear();
    Client& client = clients_[key];
    if (client.records == 0) client.begin = now;
    if (++client.records <= records_max) return false;
    client.last = record;
    if (key.empty()) {
        client.last = {.event = record.event, .detail = {}};
    }
    return true;
}

std::vector<access::AuditRecord> AuditRefusals::sums(Time now) {
    std::vector<access::AuditRecord> records;
    for (auto client = clients_.begin(); client != clients_.end();) {
        if (now - client->second.begin < window) {
            ++client;
            continue;
        }
        if (const std::uint64_t all = client->second.records; all > records_max) {
            access::AuditRecord& sum = records.emplace_back(std::move(client->second.last));
            sum.time = std::chrono::system_clock::now();
            sum.detail =
                fmt::format("{} more refusals in {} s were not recorded one by one", all - records_max, window.count());
        }
        client = clients_.erase(client);
    }
    return records;
}

}  // namespace vserd
