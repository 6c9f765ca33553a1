#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vser_client/console.hpp"
#include "vserctl/attach_signals.hpp"
#include "vserctl/piped_process.hpp"
#include "vserctl/transfer_progress.hpp"

namespace vserctl {

/// One transfer: a loop over the console and a process of lrzsz. It reads each of them only when the other has room. However
/// it ends, the process is ended, and a peer that may still wait gets the protocol's cancel sequence.
class TransferSession {
public:
    /// `console` and `process` outlive it. `wait`: give up when the peer was silent for this long.
    TransferSession(vser::client::Console& console, PipedProcess& process, TransferProgress& progress,
                    std::chrono::milliseconds wait);

    struct End {
        std::string error;  ///< empty: success
        std::optional<vser::client::Error> console_error;
        std::optional<int> signal;  ///< raise it again
    };
    End run();

private:
    using Clock = std::chrono::steady_clock;

    void wait();
    void read_messages();
    void read_process();
    void send();
    void deliver();
    void on_exit();
    void finish(int status);
    void cancel();
    void end_process();
    void send_cancel_sequence();
    bool peer_asks_again();

    vser::client::Console& console_;
    PipedProcess& process_;
    TransferProgress& progress_;
    const std::chrono::milliseconds wait_;
    AttachSignals signals_;
    std::string sent_;              // read from the process; the console has not accepted it
    std::string received_;          // read from the console; the process has not accepted it
    std::uint64_t lost_bytes_ = 0;  // the log overtook the transfer, because the device is faster
    Clock::time_point heard_ = Clock::now();
    bool done_ = false;
    End end_;
};

}  // namespace vserctl
