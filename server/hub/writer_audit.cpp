#include <fmt/core.h>

#include "access/audit.hpp"
#include "hub/channel.hpp"

namespace vserd::hub {
namespace {

std::string_view name_of(SessionMode mode) {
    switch (mode) {
        case SessionMode::yielded: return "yielded";
        case SessionMode::read_only: return "read-only";
        case SessionMode::read_write: return "read-write";
        case SessionMode::exclusive: return "exclusive";
    }
    return "";
}

}  // namespace

access::AuditTrail* Writer::trail() const noexcept {
    return channel_ != nullptr && channel_->book_ != nullptr ? channel_->book_->trail() : nullptr;
}

access::AuditRecord Writer::record(std::string_view event) const {
    access::AuditRecord record = record_of(*client_, event);
    record.port = channel_->name();
    if (session_ != 0) record.session = book_->id_of(session_);
    record.role = to_string(role_);
    const std::uint64_t at = channel_->port_.tx_offset();
    record.tx = access::TxRange{at, at};
    return record;
}

void Writer::audit_begin() const {
    access::AuditTrail* const to = trail();
    if (to == nullptr) return;
    access::AuditRecord opened = record("open");
    opened.outcome = "ok";
    opened.detail = name_of(mode_);
    to->add(std::move(opened));
}

/// A client that stays connected gets one record for all its bytes, and a passing call that has written gets one too.
void Writer::audit_end() const {
    access::AuditTrail* const to = trail();
    if (to == nullptr || (session_ == 0 && written_bytes_ == 0)) return;
    access::AuditRecord closed = record(session_ != 0 ? "close" : "write");
    closed.outcome = "ok";
    closed.detail = fmt::format("{} bytes written", written_bytes_);
    if (session_ != 0) closed.detail += fmt::format(", {} bytes read", read_bytes_);
    if (written_bytes_ > 0) closed.tx = written_;
    to->add(std::move(closed));
}

void Writer::audit_refusal(const Error& error) const {
    access::AuditTrail* const to = trail();
    const bool held = error.failure == Failure::refused || error.failure == Failure::lease_lost;
    if (to == nullptr || (error.failure != Failure::denied && !held)) return;
    access::AuditRecord refused = record("refused");
    refused.outcome = held ? "port held" : "role too low";
    refused.detail = error.message;
    to->add(std::move(refused));
}

access::AuditRecord record_of(const Client& client, std::string_view event) {
    return {.event = event,
            .identity = access::to_string(client.identity),
            .via = std::string(client.via),
            .peer = client.peer,
            .client = client.name};
}

}  // namespace vserd::hub
