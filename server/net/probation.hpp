#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"

namespace vserd::net {

/// Delays new connections from an address that has just abused the server, because a client that was closed for abuse
/// reconnects at once. A few random ones are admitted each second, so that other clients at the same address soon get in.
/// Clients from other addresses are not affected. One thread.
class Probation {
public:
    using Clock = std::chrono::steady_clock;

    struct Waiting {
        base::Fd connection;
        std::size_t listener = 0;  ///< that accepted it
    };

    /// A connection from this address was closed for abuse.
    void punish(const std::string& address, Clock::time_point now);
    bool has(const std::string& address, Clock::time_point now) const;
    /// Returns the connection, or keeps it if it has to wait. If too many from its address wait, closes one of them.
    std::optional<base::Fd> admit(base::Fd connection, std::size_t listener, Clock::time_point now);
    /// Returns a connection that has waited long enough. Call until it returns none.
    std::optional<Waiting> next(Clock::time_point now);

    /// Closes waiting connections whose client has closed its end.
    void forget_closed();

    bool empty() const noexcept { return waiting_ == 0; }
    std::uint64_t refused() const noexcept { return refused_; }  ///< closed because too many wait

private:
    struct Offender {
        Clock::time_point next{};       ///< when the next connection is admitted
        Clock::time_point forgotten{};  ///< when the probation ends
        std::vector<Waiting> waiting;
    };
    Waiting draw(Offender& offender);

    std::unordered_map<std::string, Offender> offenders_;
    std::size_t waiting_ = 0;  ///< of all offenders
    std::uint64_t refused_ = 0;
    std::minstd_rand random_{std::random_device{}()};
};

/// The address of a TCP peer without its port, in binary. Of an IPv6 address only the first 64 bits, because a host may use any
/// address in its network. Empty if the descriptor is not TCP.
std::string peer_address(int fd);

}  // namespace vserd::net
