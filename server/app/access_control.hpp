#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "access/load.hpp"
#include "access/settings.hpp"
#include "app/audit_writer.hpp"
#include "app/disk_thread.hpp"
#include "app/file_watch.hpp"
#include "base/result.hpp"
#include "hub/hub.hpp"
#include "io/loop.hpp"

namespace vserd {

/// Keeps [access] in force: gives the hub its audit trail, and its rules at the start and after a reload, and reads the tokens
/// and JWKS files again when they change. If they have errors, the previous rules stay in force; tokens expire all the same. Io
/// thread.
class AccessControl {
public:
    /// Reads the files at once. All references outlive this.
    static Result<std::unique_ptr<AccessControl>> load(const std::optional<access::Settings>& settings, io::Loop& loop,
                                                       DiskThread& disk, hub::Hub& hub);
    AccessControl(io::Loop& loop, DiskThread& disk, hub::Hub& hub);

    /// Takes what a reload has loaded. requires: loaded.authority is not null
    void replace(const std::optional<access::Settings>& settings, const access::Loaded& loaded);
    AuditWriter& audit() noexcept { return audit_; }
    /// No changes happen from now on. Destroy this only after the disk thread and the hub.
    void stop();

private:
    void take(const access::Loaded& loaded);
    void reread();
    void reread_done(const std::optional<access::Settings>& settings, const access::Loaded& loaded);
    void review_expiry();

    DiskThread& disk_;
    hub::Hub& hub_;
    AuditWriter audit_{{}};  ///< drops everything without [access]
    std::optional<access::Settings> settings_;
    std::string digest_;   ///< of the files in force
    std::string problem_;  ///< the last one that was reported
    FileWatch watch_;
    boost::asio::steady_timer expiry_;
    std::chrono::sys_seconds reviewed_;  ///< tokens that expired until then have no sessions any more
    bool stopped_ = false;
};

}  // namespace vserd
