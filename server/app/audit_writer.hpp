#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "access/audit.hpp"
#include "app/audit_outputs.hpp"

namespace vserd {

/// The audit trail: takes records without blocking, and writes them on its own thread. While the output fails, records wait and
/// are written later; those beyond `records_max` are lost, and the trail itself says how many.
class AuditWriter final : public access::AuditTrail {
public:
    static constexpr std::size_t records_max = 4096;

    struct Settings {
        std::string destination;  ///< "journal" or a path; empty: none, and records are dropped
        bool required = false;    ///< nobody may write or change a line while the output fails

        friend bool operator==(const Settings&, const Settings&) = default;
    };

    explicit AuditWriter(const Settings& settings);
    /// Writes what waits, unless the output hangs: the thread is abandoned then.
    ~AuditWriter() override;

    void add(access::AuditRecord record) override;
    bool permits_changes() const noexcept override;

    // Io thread.
    /// Applies a reload. Also opens the file again.
    void apply(const Settings& settings);
    /// Opens the file again, after it was renamed.
    void reopen();

    std::uint64_t errors() const noexcept;  // any thread
    std::uint64_t lost() const noexcept;    // any thread

private:
    struct Shared;
    const std::shared_ptr<Shared>
        shared_;  // shared with the thread, which may still block in a write after this is destroyed
};

}  // namespace vserd
