#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "access/audit.hpp"
#include "hub/channel.hpp"

namespace vserd::hub {

inline std::string result_text(const line::Settings& now) {
    return fmt::format("{} {}", now.baud, to_string(now.format));
}
inline std::string result_text(const line::Signals& now) {
    return fmt::format("dtr {}, rts {}", now.dtr ? "on" : "off", now.rts ? "on" : "off");
}
inline std::string result_text(std::uint64_t discarded) { return fmt::format("{} bytes discarded", discarded); }

/// Of a text that the client gives.
inline constexpr std::size_t audit_detail_bytes_max = 200;

/// Wraps `reply`, so that the audit trail gets the result of a request too. Without a trail: `reply` itself. `detail` says what
/// the result does not.
template <class T>
port::Reply<T> audited(const Writer& writer, std::string_view event, const std::string& detail,
                       const port::Reply<T>& reply) {
    access::AuditTrail* const trail = writer.trail();
    if (trail == nullptr) return reply;
    access::AuditRecord record = writer.record(event);
    record.detail = detail.substr(0, audit_detail_bytes_max);
    return [trail, record = std::move(record), reply](const Result<T>& result) {
        access::AuditRecord done = record;
        done.time = std::chrono::system_clock::now();
        done.outcome = result ? "ok" : "failed";
        if (!result) {
            done.detail = result.error().message;
        } else if constexpr (!std::is_void_v<T>) {
            done.detail += (done.detail.empty() ? "" : ", ") + result_text(*result);
        }
        trail->add(std::move(done));
        reply(result);
    };
}

}  // namespace vserd::hub
