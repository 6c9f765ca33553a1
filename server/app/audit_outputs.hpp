#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "access/audit.hpp"
#include "base/result.hpp"

namespace vserd {

/// One JSON object and a newline. Fields without a value are left out.
std::string to_json_line(const access::AuditRecord& record);
/// "open vser0 by token:ci-1 (grpc ipv4:192.0.2.1:4711): ok".
std::string to_sentence(const access::AuditRecord& record);
/// The fields of the journal: "VSERD_EVENT=open", "PORT=vser0", ...
std::vector<std::string> to_journal_fields(const access::AuditRecord& record);

/// The destination of the records. May block; called by the trail's thread only.
class AuditOutput {
public:
    virtual ~AuditOutput() = default;
    /// Removes from the front what it has written: everything, unless there is an error.
    virtual Result<void> write(std::deque<access::AuditRecord>& records) = 0;
    /// Opens the file again, after it was renamed.
    virtual void reopen() = 0;
};

/// `destination`: "journal", or the path of a file to append JSON lines to.
std::unique_ptr<AuditOutput> make_audit_output(const std::string& destination);

}  // namespace vserd
