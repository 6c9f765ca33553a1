#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "harness/line_end.hpp"
#include "harness/process.hpp"
#include "vser_client.hpp"

namespace vserd::bench {

/// Who carries the bytes, and how. ser2net as it comes, and tuned for throughput and latency; conserver with its own protocol;
/// a socat for each line; vserd over gRPC, over raw TCP, over WebSockets, over gRPC with TLS, and over gRPC with client
/// certificates and 1000 rules.
enum class Face {
    ser2net_default,
    ser2net_tuned,
    conserver,
    socat,
    vserd,
    vserd_raw,
    vserd_archive,
    vserd_web,
    vserd_tls,
    vserd_rules
};

constexpr bool is_vserd(Face face) noexcept { return face >= Face::vserd; }
constexpr bool has_tls(Face face) noexcept { return face >= Face::vserd_tls; }

struct BridgePrograms {
    std::string vserd = "vserd";
    std::string ser2net = "ser2net";
    std::string folder;  ///< for configurations and logs
    std::string engine = "auto";
};

/// A bridge serving lines, the line of index i as TCP port or port name "p<i>".
class Bridge {
public:
    /// Returns when it serves (vserd: when all ports are online). Throws with the log when it does not.
    Bridge(Face face, const std::vector<Line>& lines, const BridgePrograms& programs);

    Face face() const noexcept { return face_; }
    /// A connection that carries the line's bytes, conserver's with its quotes. Not for gRPC and WebSockets.
    base::Fd connect(std::size_t line) const;
    std::string address() const { return "127.0.0.1:" + std::to_string(first_port_); }  ///< vserd
    int web_port() const noexcept { return first_port_ + 1; }                           ///< vserd_web
    const vser::client::ConnectOptions& connect_options() const noexcept { return connect_options_; }
    /// Of all its processes.
    double cpu_seconds() const;
    /// Of one process what is resident; of several what they share only once.
    std::uint64_t resident_bytes() const;
    std::string log_tail() const { return processes_.front()->log_tail(); }
    double seconds_to_serving() const noexcept { return seconds_to_serving_; }
    double seconds_to_all_online() const noexcept { return seconds_to_all_online_; }

private:
    void start_vserd(const std::vector<Line>& lines, const BridgePrograms& programs);
    void start_ser2net(const std::vector<Line>& lines, const BridgePrograms& programs);
    void start_conserver(const std::vector<Line>& lines, const BridgePrograms& programs);
    void start_socat(const std::vector<Line>& lines, const BridgePrograms& programs);
    void start(const std::vector<std::string>& command, const std::string& log_file);
    void wait_until_listening(Clock::time_point begin, int first_port, int count);
    void set_up_tls(const BridgePrograms& programs);
    void wait_for_vserd(Clock::time_point begin, std::size_t lines);

    Face face_;
    vser::client::ConnectOptions connect_options_;
    int first_port_ = 0;
    int first_tcp_port_ = 0;
    std::vector<int> group_ports_;  ///< conserver: of each line
    double seconds_to_serving_ = 0;
    double seconds_to_all_online_ = 0;
    std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace vserd::bench
