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

/// Makes new connections wait whose address abused the server a moment ago: a client that is closed for abuse would come back
/// at once and go on. A few of them are let in each second, drawn by lot, so that an innocent client that shares the address
/// gets in soon, and one from elsewhere notices nothing. One thread.
class Probation {
public:
    using Clock = std::chrono::steady_clock;

    struct Waiting {
        base::Fd connection;
        std::size_t listener = 0;  ///< that it came from
    };

    /// The address had a connection closed.
    void punish(const std::string& address, Clock::time_point now);
    /// Keeps a connection that has to wait; where too many of its address do, one of them is closed. Returns the others.
    std::optional<base::Fd> admit(base::Fd connection, std::size_t listener, Clock::time_point now);
    /// One whose time has come; to be called until there is none.
    std::optional<Waiting> next(Clock::time_point now);

    /// Closes those whose client gave up.
    void forget_closed();

    bool empty() const noexcept { return waiting_ == 0; }
    std::uint64_t refused() const noexcept { return refused_; }  ///< closed because too many wait

private:
    struct Offender {
        Clock::time_point next{};       ///< when one may come in
        Clock::time_point forgotten{};  ///< when it counts as any other again
        std::vector<Waiting> waiting;
    };
    Waiting draw(Offender& offender);

    std::unordered_map<std::string, Offender> offenders_;
    std::size_t waiting_ = 0;  ///< of all offenders
    std::uint64_t refused_ = 0;
    std::minstd_rand random_{std::random_device{}()};
};

/// The address of a TCP peer without its port; of IPv6 the 64 bits that name a network, within which a host may take any
/// address. Empty for what is not TCP.
std::string peer_address(int fd);

}  // namespace vserd::net
