#pragma once

#include <chrono>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "contract/fault_device.hpp"
#include "contract/remote_calls.hpp"
#include "hub/hub.hpp"
#include "rpc/server.hpp"
#include "support/faulty_engine.hpp"
#include "support/write_account.hpp"

namespace vserd {

/// As FaultRun, through the whole server: one port on a FaultyEngine behind real gRPC, and clients that read, stop reading, cancel
/// and write, as the seed has it. Every stream sees every byte once and in order, every write is done as it was answered, and every
/// call ends with a status that it may end with.
///
/// The seed fixes the script and the dice of the engine; when the threads of gRPC answer is theirs.
class RpcFaultRun {
public:
    RpcFaultRun(std::uint64_t seed, const std::filesystem::path& directory);
    ~RpcFaultRun();
    RpcFaultRun(const RpcFaultRun&) = delete;
    RpcFaultRun& operator=(const RpcFaultRun&) = delete;

    /// Goes on a little. False once it is over, and everything was checked.
    bool turn();
    /// Whether the last turn did anything but wait.
    bool busy() const noexcept { return busy_; }

private:
    using Write = RemoteUnary<vser::v1::WriteResponse>;
    struct Written {
        test::RecordId id;
        std::size_t size;
        std::unique_ptr<Write> call;
    };
    /// A stream, and whether it goes on for ever.
    struct Stream {
        std::unique_ptr<RemoteStream> call;
        bool follows;
    };
    enum class Phase { playing, settling, stopping, over };

    std::uint64_t dice(std::uint64_t sides) { return random_() % sides; }
    std::size_t some_size();
    RemoteClient& some_client() { return clients_[dice(clients_.size())]; }
    bool is_online() const;
    void play();
    vser::v1::StartPoint some_start(std::optional<std::uint64_t>& next);
    void attach();
    void read();
    void collect();
    void write();
    void change_line();
    void touch_stream();
    void settle();
    bool settled() const;
    void stop();
    bool all_over() const;
    void check_end();
    void check_status(const RemoteCall& call) const;

    const std::uint64_t seed_;
    std::mt19937_64 random_;
    FaultyEngine* engine_;  ///< the loop's
    std::unique_ptr<io::Loop> loop_;
    std::unique_ptr<hub::Hub> hub_;
    std::unique_ptr<rpc::Server> server_;
    hub::Channel* channel_;
    FaultDevice device_;

    Phase phase_ = Phase::playing;
    bool settles_;
    bool was_settled_ = false;
    bool busy_ = false;
    bool server_down_ = false;
    unsigned actions_left_;
    std::chrono::steady_clock::time_point deadline_;
    std::uint32_t writers_ = 0;
    test::WriteAccount account_;
    std::deque<RemoteClient> clients_;  // before the calls, which go first
    std::list<Stream> streams_;
    std::list<RemoteConsole*> consoles_;  ///< of streams_
    std::list<Written> writes_;
    std::list<std::unique_ptr<RemoteCall>> others_;
};

}  // namespace vserd
