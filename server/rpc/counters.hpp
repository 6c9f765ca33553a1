#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace vserd::rpc {

/// Every rpc of the server, as an index.
enum class Method : std::uint8_t {
    list_ports,
    get_port,
    watch_ports,
    get_baud,
    set_baud,
    get_format,
    set_format,
    get_signals,
    set_signals,
    send_break,
    flush,
    attach,
    read,
    write,
    collect,
    get_server_info,
    yield,
    list_sessions,
    end_session,
    send_notice,
    acquire,
    renew,
    release,
    list_leases,
    wait_for,
    list_fleet_ports,
    list_bridges,
    watch_fleet,
    resolve
};
inline constexpr std::size_t methods_count = 29;
inline constexpr std::size_t codes_count = 17;  ///< OK to UNAUTHENTICATED

/// "vser.v1.ConsoleService/Attach".
std::string_view method_name(Method method) noexcept;
/// "OK", "NOT_FOUND", ...; "UNKNOWN" for numbers that gRPC does not define.
std::string_view code_name(int code) noexcept;

/// Counts the calls that have ended, by method and status code. Lock-free; any thread.
class RpcCounters {
public:
    struct Entry {
        std::string_view method;
        std::string_view code;
        std::uint64_t count = 0;
    };

    void count(Method method, int code) noexcept;
    /// The counts that are not zero.
    std::vector<Entry> snapshot() const;

private:
    std::array<std::array<std::atomic<std::uint64_t>, codes_count>, methods_count> counts_{};
};

}  // namespace vserd::rpc
