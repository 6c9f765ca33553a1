#include "net/admission.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace vserd::net {
namespace {

/// The labels of vserd_refused_total{via="grpc"}, in the order of Refusal.
constexpr std::array<std::string_view, refusals_count> reasons{
    "memory_max",        "calls_per_connection_max", "connection_bytes", "connection_resets",
    "connection_memory", "waiting_write_bytes_max",  "unauthenticated",  "role"};

/// Bytes on the connection for the headers of a call: gRPC's limit, and the frames.
constexpr std::size_t call_head_bytes = std::size_t{16} << 10;
/// Bytes on the connection for a message apart from its content: frames and TLS.
constexpr std::size_t message_head_bytes = 128;

std::size_t beyond_prepaid(std::size_t bytes) { return bytes > prepaid_bytes ? bytes - prepaid_bytes : 0; }

}  // namespace

Ticket::~Ticket() {
    if (admission_ == nullptr) return;
    admission_->give_back(bytes_);
    connection_->held_bytes.fetch_sub(static_cast<std::int64_t>(bytes_), std::memory_order_relaxed);
    if (is_call_) connection_->calls.fetch_sub(1, std::memory_order_relaxed);
}

Ticket Ticket::another() const {
    if (admission_ == nullptr) return {};
    Ticket other(*admission_, connection_, 0);
    other.is_call_ = false;
    return other;
}

bool Ticket::charge(std::size_t bytes) {
    if (bytes == 0) return true;
    if (!charge_connection(bytes)) return false;
    if (!admission_->take(bytes)) {
        connection_->held_bytes.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
        return false;
    }
    bytes_ += bytes;
    return true;
}

bool Ticket::charge_connection(std::size_t bytes) {
    const auto more = static_cast<std::int64_t>(bytes);
    const std::int64_t held = connection_->held_bytes.fetch_add(more, std::memory_order_relaxed) + more;
    if (static_cast<std::uint64_t>(std::max<std::int64_t>(held, 0)) <= connection_->held_bytes_max) return true;
    connection_->held_bytes.fetch_sub(more, std::memory_order_relaxed);
    return false;
}

void Ticket::refund(std::size_t bytes) {
    bytes_ -= bytes;
    admission_->give_back(bytes);
    connection_->held_bytes.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

bool Ticket::grow(std::size_t bytes) {
    if (admission_ == nullptr) return true;
    const std::size_t grown = messages_bytes_ + bytes;
    if (!charge(beyond_prepaid(grown) - beyond_prepaid(messages_bytes_))) return false;
    messages_bytes_ = grown;
    return true;
}

void Ticket::shrink(std::size_t bytes) {
    if (admission_ == nullptr) return;
    const std::size_t before = std::exchange(messages_bytes_, messages_bytes_ - bytes);
    refund(beyond_prepaid(before) - beyond_prepaid(messages_bytes_));
}

void Ticket::received(std::size_t bytes) {
    if (admission_ != nullptr)
        connection_->known_bytes.fetch_add(message_head_bytes + bytes, std::memory_order_relaxed);
}

Admission::Admission(std::uint64_t memory_max) : memory_max_(memory_max), calls_bytes_max_(memory_max / 2) {}

bool Admission::take(std::size_t bytes) noexcept {
    if (held_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= calls_bytes_max_) return true;
    give_back(bytes);
    return false;
}

Error Admission::memory_refusal() {
    count(Refusal::memory);
    return {Failure::exhausted, 0, "memory_max",
            fmt::format("the server has reached its memory limit for clients ([server] memory_max = {} bytes, of which "
                        "one user of [web] gets a quarter); close streams, or try again later",
                        memory_max_)};
}

Result<Ticket> Admission::admit(const std::string& peer, std::size_t fixed_bytes, std::size_t bytes) {
    auto connection = connections_.find(peer);
    connection->known_bytes.fetch_add(call_head_bytes + bytes, std::memory_order_relaxed);
    const std::uint32_t calls = connection->calls.fetch_add(1, std::memory_order_relaxed) + 1;
    Ticket ticket(*this, std::move(connection), 0);
    Connection& from = *ticket.connection_;
    if (calls > calls_per_connection_max && !from.stands_for_many) {
        count(Refusal::calls);
        return Error{
            Failure::exhausted, 0, "calls_per_connection_max",
            fmt::format("this connection has {} calls in flight; the maximum is {}", calls, calls_per_connection_max)};
    }
    if (!ticket.charge(fixed_bytes + bytes)) return memory_refusal();
    return ticket;
}

Result<Ticket> Admission::admit_user(const std::string& name) {
    auto entry = user(name);
    const std::uint32_t calls = entry->calls.fetch_add(1, std::memory_order_relaxed) + 1;
    Ticket ticket(*this, std::move(entry), 0);
    if (calls <= calls_per_connection_max) return ticket;
    return Error{Failure::exhausted, 0, "calls_per_user_max",
                 fmt::format("you have {} requests and WebSockets under way; the maximum of one user is {}", calls,
                             calls_per_connection_max)};
}

Result<Ticket> Admission::admit_part(const std::string& name, std::size_t bytes) {
    Ticket ticket(*this, user(name), 0);
    ticket.is_call_ = false;
    if (!ticket.charge(bytes)) return memory_refusal();
    return ticket;
}

std::vector<Refused> Admission::refused() const {
    std::vector<Refused> result;
    for (std::size_t i = 0; i < refusals_count; ++i) result.push_back({reasons[i], refused_[i].load()});
    return result;
}

}  // namespace vserd::net
