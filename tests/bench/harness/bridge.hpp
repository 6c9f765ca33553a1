#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/line_end.hpp"
#include "harness/process.hpp"
#include "vser_client.hpp"

namespace vserd::bench {

/// Who carries the bytes, and how. ser2net as it comes, and tuned for throughput and latency; vserd over gRPC, over raw TCP,
/// over WebSockets, over gRPC with TLS, and over gRPC with client certificates and 1000 rules.
enum class Face { ser2net_default, ser2net_tuned, vserd, vserd_raw, vserd_archive, vserd_web, vserd_tls, vserd_rules };

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
    int tcp_port(std::size_t line) const noexcept {
        return first_tcp_port_ + static_cast<int>(line);
    }                                                                                   ///< but for gRPC
    std::string address() const { return "127.0.0.1:" + std::to_string(first_port_); }  ///< vserd
    int web_port() const noexcept { return first_port_ + 1; }                           ///< vserd_web
    const vser::client::ConnectOptions& connect_options() const noexcept { return connect_options_; }
    const Process& process() const noexcept { return *process_; }
    double seconds_to_serving() const noexcept { return seconds_to_serving_; }
    double seconds_to_all_online() const noexcept { return seconds_to_all_online_; }

private:
    void start(const std::vector<std::string>& command, std::size_t lines, const std::string& log_file);
    void set_up_tls(const BridgePrograms& programs);
    void wait_for_vserd(Clock::time_point begin, std::size_t lines);

    Face face_;
    vser::client::ConnectOptions connect_options_;
    int first_port_ = 0;
    int first_tcp_port_ = 0;
    double seconds_to_serving_ = 0;
    double seconds_to_all_online_ = 0;
    std::unique_ptr<Process> process_;
};

}  // namespace vserd::bench
