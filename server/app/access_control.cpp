#include "app/access_control.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace vserd {
namespace {

/// The system clock may be set meanwhile, so it is asked again after this time at the latest.
constexpr std::chrono::milliseconds expiry_wait_max{60'000};
/// The clients of JSON Web Tokens come and go, each with an expiry of its own.
constexpr std::chrono::milliseconds jwt_review_interval{5'000};

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
    reviewed_ = access::now_in_seconds();
    hub_.set_authority(loaded.authority);
    review_expiry();
}

void AccessControl::stop() {
    stopped_ = true;
    watch_.stop();
    expiry_.cancel();
}

/// Sessions end when their token expires. The files are not read again for that: they may be unreadable.
void AccessControl::review_expiry() {
    expiry_.cancel();
    if (!settings_) return;
    const auto now = access::now_in_seconds();
    const auto next = hub_.next_expiry(reviewed_);
    reviewed_ = now;
    if (next && *next <= now) {
        spdlog::info("[access]: a token has expired; its sessions have no rights any more");
        hub_.review_rights();
    }
    auto wait = settings_->jwt ? jwt_review_interval : expiry_wait_max;
    if (const auto after = hub_.next_expiry(now))
        wait = std::min(wait, *after - std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
    expiry_.expires_after(wait);
    expiry_.async_wait([this](const boost::system::error_code& error) {
        if (!error && !stopped_) review_expiry();
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
    if (loaded.digest == digest_) {
        if (failed_before) spdlog::info("[access]: the files are usable again and contain what is in force");
        return;
    }
    spdlog::info("[access]: the files have changed; the new tokens and keys are in force");
    take(loaded);
}

}  // namespace vserd
