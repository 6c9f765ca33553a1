#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>

#include "integration/rpc_client.hpp"
#include "soak/world.hpp"

namespace vserd::soak {

class StreamCheck;

/// Plays one client after the other: each reads, stops reading, writes or changes the line, and ends kindly or not.
class Visitor {
public:
    Visitor(World& world, std::uint64_t seed);
    ~Visitor();  ///< requires: the world was closed for good
    Visitor(const Visitor&) = delete;
    Visitor& operator=(const Visitor&) = delete;

private:
    using Stream = grpc::ClientReaderWriter<vser::v1::AttachRequest, vser::v1::AttachResponse>;

    void run();
    void visit();
    std::uint64_t dice(std::uint64_t sides) { return random_() % sides; }
    std::chrono::milliseconds some_time(std::uint64_t milliseconds_max) {
        return std::chrono::milliseconds(1 + dice(milliseconds_max));
    }
    std::size_t some_size(std::size_t size_max);
    vser::v1::StartPoint some_start(rpc_test::Client& client, const Port& port);

    void follow();
    void read_history();
    void collect_some();
    void write_some();
    void write_once(rpc_test::Client& client);
    void write_stream();
    void change_line();
    void look_around();
    void kill_a_program();

    std::shared_ptr<Port> open(Stream& stream, const vser::v1::Open& open);
    std::optional<std::uint64_t> read_attached(const std::string& name, const vser::v1::StartPoint& from,
                                               std::shared_ptr<Port>& port);
    void take(StreamCheck& check, const vser::v1::AttachResponse& response);
    void check_end(const grpc::Status& status, const Port* port, bool may_be_held);
    void told(const StreamCheck& check);

    World& world_;
    std::mt19937_64 random_;
    std::thread thread_;
};

}  // namespace vserd::soak
