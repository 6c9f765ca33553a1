#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "access/audit.hpp"

namespace vserd {

/// Limits the records about refusals, which a client can cause at any rate. Each client has a number of records for each port in
/// a window of time; one record at the end of the window counts the others.
class AuditRefusals {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t records_max = 10;  ///< of one client and port in a window
    static constexpr std::chrono::seconds window{10};
    static constexpr std::size_t clients_max = 256;  ///< clients and ports beyond these share one count

    /// Whether to omit the record, which is counted.
    bool is_one_too_many(const access::AuditRecord& record, Time now);
    /// A record for each client whose window has ended with omitted records.
    std::vector<access::AuditRecord> sums(Time now);
    bool empty() const noexcept { return clients_.empty(); }

private:
    struct Client {
        Time begin;
        std::uint64_t records = 0;
        access::AuditRecord last;  ///< the last omitted record
    };

    std::map<std::string, Client> clients_;
};

}  // namespace vserd
