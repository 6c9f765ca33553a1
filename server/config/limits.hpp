#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/name.hpp"

/// The limits of configuration values. Each has a test at its edge.
namespace vserd::config {

inline constexpr std::size_t file_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t line_bytes_max = 8192;  ///< limits the nesting of dotted keys, which the parser does not
inline constexpr std::size_t problems_max = 100;     ///< problems reported at once

inline constexpr std::size_t listen_max = 16;
inline constexpr std::int64_t streams_min = 1;
inline constexpr std::int64_t streams_limit = 65536;
inline constexpr std::int64_t memory_min = std::int64_t{16} << 20;
inline constexpr std::int64_t memory_limit = std::int64_t{1} << 40;
inline constexpr std::chrono::milliseconds drain_limit_max{600'000};
inline constexpr std::chrono::milliseconds removed_ports_keep_max{7 * 24 * 3'600'000};

inline constexpr std::int64_t history_bytes_min = std::int64_t{4} << 10;
inline constexpr std::int64_t history_bytes_max = std::int64_t{1} << 30;

inline constexpr std::int64_t keep_days_max = 36'500;
inline constexpr std::int64_t keep_bytes_max = std::int64_t{1} << 50;
inline constexpr unsigned keep_free_percent_max = 90;
inline constexpr std::int64_t segment_bytes_min = std::int64_t{64} << 10;
inline constexpr std::int64_t segment_bytes_max = std::int64_t{1} << 30;
inline constexpr std::chrono::milliseconds sync_min{100};
inline constexpr std::chrono::milliseconds sync_max{600'000};

inline constexpr std::size_t web_hosts_max = 64;
inline constexpr std::size_t host_bytes_max = 300;  ///< a name of 253, a scheme and a port
inline constexpr std::int64_t web_connections_min = 8;
inline constexpr std::int64_t web_connections_max = 65536;

inline constexpr std::size_t fleet_endpoints_max = 16;
inline constexpr std::chrono::milliseconds fleet_ttl_min{5'000};
inline constexpr std::chrono::milliseconds fleet_ttl_max{300'000};

inline constexpr std::size_t ports_max = 4096;
inline constexpr std::size_t port_listen_max = 16;
inline constexpr std::int64_t listen_clients_min = 1;
inline constexpr std::int64_t listen_clients_max = 1024;
inline constexpr std::size_t name_bytes_max = base::name_bytes_max;
inline constexpr std::size_t description_bytes_max = 256;
inline constexpr std::size_t path_bytes_max = 4095;
inline constexpr std::int64_t baud_min = 1;
inline constexpr std::int64_t baud_max = 4'294'967'295;
inline constexpr std::int64_t tx_queue_bytes_min = std::int64_t{1} << 10;
inline constexpr std::int64_t tx_queue_bytes_max = std::int64_t{64} << 20;

}  // namespace vserd::config
