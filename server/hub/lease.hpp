#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "access/identity.hpp"
#include "base/result.hpp"
#include "hub/client.hpp"
#include "log/moment.hpp"

namespace vserd::hub {

inline constexpr std::chrono::seconds lease_ttl_min{1};
inline constexpr std::chrono::seconds lease_ttl_max{std::chrono::hours{24}};
inline constexpr std::chrono::seconds lease_ttl_default{60};
inline constexpr std::chrono::seconds lease_wait_max{std::chrono::hours{24}};
inline constexpr std::size_t lease_waiters_max = 1024;
inline constexpr std::size_t lease_identity_bytes_max = 128;

/// A client that asks for a lease, holds one or uses one.
struct LeaseParty {
    std::string client;    ///< its name, as others see it
    std::string identity;  ///< lease_identity(); only this identity may use its lease
    std::string via;       ///< the face: "grpc", "telnet", ...

    friend bool operator==(const LeaseParty&, const LeaseParty&) = default;
};

/// The name of an identity. Longer ones are shortened, with a checksum, so that they survive a restart.
std::string lease_identity(const access::Identity& identity);

/// The right of one client to write to a port and to change its line, while no other client may.
struct Lease {
    std::uint64_t id = 0;  ///< grows with each lease of the port
    LeaseParty holder;
    std::string reason;
    log::WallTime since;
    std::optional<std::chrono::milliseconds> ttl;   ///< none: ends with its stream
    std::chrono::steady_clock::time_point expires;  ///< if it has a ttl
    const void* stream = nullptr;                   ///< the Writer that it ends with
    ClientRef who = nullptr;                        ///< null: acquired in the previous process

    /// When it ends if it is not renewed, by the system's clock.
    log::WallTime expires_wall() const;
};

enum class LeaseEnd : std::uint8_t { released, expired, taken_over };

/// What a request to the port presents.
struct LeaseClaim {
    std::uint64_t lease = 0;       ///< 0: none
    const void* stream = nullptr;  ///< the Writer of the request
    std::string_view identity = {};
};

/// Failure::refused: another client holds the port. The subject is its name; the details have via, since and reason.
Error lease_held_error(const std::string& port, const Lease& held);
/// Failure::lease_lost: the claimed lease has ended. `held`: who holds the port now; null: nobody.
Error lease_lost_error(const std::string& port, std::uint64_t lease, const Lease* held);
/// Ids are at least the milliseconds since 1970, so that they also grow if the state of the previous process is lost.
std::uint64_t next_lease_id(std::uint64_t last, log::WallTime now);

}  // namespace vserd::hub
