#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vserd::access {

/// Offsets of bytes that were sent to the port: from `from` up to but not including `to`.
struct TxRange {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};

/// Who did what to which port, or was refused. Never contains bytes that somebody sent. Empty texts: not known, or no matter.
struct AuditRecord {
    std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
    std::string_view event = {};  ///< "open", "close", "write", "refused", "settings", ...; static
    std::string identity = {};    ///< "token:ci-1", "anonymous"
    std::string via = {};         ///< the face
    std::string peer = {};        ///< the client's address
    std::string client = {};      ///< the name that the client gave itself
    std::string port = {};
    std::string session = {};  ///< its id
    std::string role = {};     ///< that the client has on the port
    std::string outcome = {};  ///< "ok", or why not
    std::string detail = {};
    std::optional<TxRange> tx = std::nullopt;
};

/// Takes the records. Any thread.
class AuditTrail {
public:
    virtual ~AuditTrail() = default;
    virtual void add(AuditRecord record) = 0;
    /// False while the trail cannot be written and is required: then nobody may write or change a line.
    virtual bool permits_changes() const noexcept = 0;
};

}  // namespace vserd::access
