#include "app/access_control.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace vserd {
namespace {

/// The system clock may be set meanwhile, so it is asked again after this time at the latest.
constexpr std::chrono::seconds expiry_wait_max{60};

AuditWriter::Settings audit_settings(const std::optional<access::Settings>& settings) {
    if (!settings) return {};
    return {settings->audit, settings->audit_required};
}

}  // namespace

Result<std::unique_ptr<AccessControl>> AccessControl::load(const std::optional<access::Settings>& settings,
                                                           io::Loop& loop, DiskThread& disk, hub::Hub& hub) {
    const access::Loaded loaded = access::load(settings, std::chrono::system_clock::now());
    if (!loaded.authority) {
        for (const std::string& error : loaded.report.errors) spdlog::error("[access]: {}", error);
        return Error{Failure::invalid_argument, 0, "access", "[access]: " + loaded.report.errors.front()};
    }
    auto control = std::make_unique<AccessControl>(loop, disk, hub);
    control->replace(settings, loaded);
    return control;
}

AccessControl::AccessControl(io::Loop& loop, DiskThread& disk, hub::Hub& hub)
    : disk_(disk), hub_(hub), watch_(loop, disk, [this] { reread(); }), expiry_(loop.context()) {}

void AccessControl::replace(const std::optional<access::Settings>& settings, const access::Loaded& loaded) {
    const bool same_files = access::files_of(settings_) == access::files_of(settings);
    settings_ = settings;
    audit_.apply(audit_settings(settings));
    hub_.sessions().set_trail(settings ? &audit_ : nullptr);
    if (!same_files) watch_.watch(access::files_of(settings));
    take(loaded);
}

void AccessControl::take(const access::Loaded& loaded) {
    for (const std::string& warning : loaded.report.warnings) spdlog::warn("[access]: {}", warning);
    digest_ = loaded.digest;
    problem_.clear();
    expired_ = false;
    hub_.set_authority(loaded.authority);
    wait_for_expiry(loaded.next_expiry);
}

void AccessControl::stop() {
    stopped_ = true;
    watch_.stop();
    expiry_.cancel();
}

/// Sessions of a token that expires end then, not when its line is removed.
void AccessControl::wait_for_expiry(std::optional<std::chrono::sys_seconds> expiry) {
    expiry_.cancel();
    if (!expiry) return;
    // In seconds, which also reach the year 9999.
    const std::chrono::seconds left =
        *expiry - std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (left <= std::chrono::seconds{0}) {
        expired_ = true;
        return reread();
    }
    expiry_.expires_after(std::min(left, expiry_wait_max));
    expiry_.async_wait([this, expiry](const boost::system::error_code& error) {
        if (!error && !stopped_) wait_for_expiry(expiry);
    });
}

void AccessControl::reread() {
    if (stopped_ || !settings_) return;
    auto loaded = std::make_shared<access::Loaded>();  // shared with the disk thread
    disk_.run([loaded, settings = settings_] { *loaded = access::load(settings, std::chrono::system_clock::now()); },
              [this, loaded, settings = settings_] { reread_done(settings, *loaded); });
}

void AccessControl::reread_done(const std::optional<access::Settings>& settings, const access::Loaded& loaded) {
    if (stopped_ || settings != settings_) return;  // a reload has replaced them meanwhile
    if (!loaded.authority) {
        if (std::exchange(problem_, loaded.report.errors.front()) == problem_) return;
        return spdlog::error("[access]: {}; the previous tokens and keys stay in force", problem_);
    }
    const bool failed_before = !std::exchange(problem_, {}).empty();
    if (loaded.digest == digest_ && !expired_) {
        if (failed_before) spdlog::info("[access]: the files are usable again and contain what is in force");
        return;
    }
    spdlog::info("[access]: {}", loaded.digest == digest_
                                     ? "a token has expired; its sessions have no rights any more"
                                     : "the files have changed; the new tokens and keys are in force");
    take(loaded);
}

}  // namespace vserd
