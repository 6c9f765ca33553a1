#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "vser/v1/admin_service.grpc.pb.h"
#include "vser/v1/console_service.pb.h"
#include "vser/v1/port_service.grpc.pb.h"
#include "vser_client/attach_call.hpp"
#include "vser_client/cancellation.hpp"
#include "vser_client/coalescer.hpp"
#include "vser_client/console.hpp"
#include "vser_client/log_cursor.hpp"

namespace vser::client {

/// One thread runs the completion queue and reconnects. Callers' threads start writes and resume reads themselves, so that a
/// single byte is sent without a thread switch. One mutex guards the state that both use.
class Console::Impl {
public:
    Impl(std::shared_ptr<grpc::Channel> channel, std::string port, ConsoleOptions options);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// Waits for the first Opened. Returns an error if the console ends before.
    Result<> wait_open();

    std::optional<ConsoleItem> next(std::optional<std::chrono::steady_clock::time_point> deadline);
    std::size_t write(std::string_view bytes, bool wait);
    Discarded discard_written();
    Result<> command(const v1::AttachRequest& request);
    Result<> drain(std::chrono::steady_clock::time_point deadline);
    void close();

    const Port& port() const noexcept { return port_; }
    int ready_fd() const noexcept { return ready_fd_; }
    int room_fd() const noexcept { return room_fd_; }
    bool tx_recorded() const;
    std::uint64_t next_offset() const;
    bool ended() const;
    std::optional<Error> error() const;
    std::size_t tx_bytes_waiting() const;

private:
    enum class After { end, retry, reopen, restart_log };  // what to do after the end of a connection

    // The console's thread only.
    void run();
    After run_connection();
    void handle(AttachCall::Step step, bool ok);
    void receive();
    void opened(const v1::Opened& message);
    void forget_refused(std::uint64_t bytes);
    void deliver(std::vector<ConsoleItem>&& items);
    After after_end(const grpc::Status& status);
    bool wait_backoff();
    bool server_answers();
    bool find_server();

    // Any thread, with mutex_ held.
    void pump(std::unique_lock<std::mutex>& lock);
    void read_if_room(std::unique_lock<std::mutex>& lock);
    void finish_call();
    void update_ready();
    static void show(int eventfd, bool& shown, bool now);
    static std::size_t cost(const ConsoleItem& item);  // in rx_bytes_
    v1::AttachRequest open_request() const;
    bool taken_by_server(std::uint64_t tx_offset) const { return tx_offset >= tx_base_ + tx_sent_; }

    std::shared_ptr<grpc::Channel> channel_;         // shared with the client; the console's thread only
    std::unique_ptr<v1::AdminService::Stub> admin_;  // the console's thread only
    std::shared_ptr<v1::PortService::Stub> ports_;   // guarded by mutex_
    const std::string port_name_;
    const ConsoleOptions options_;
    Cancellation finding_;  // of options_.find
    const int ready_fd_;    // eventfd
    const int room_fd_;     // eventfd
    grpc::CompletionQueue queue_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::unique_ptr<AttachCall> call_;          // the present connection
    grpc::ClientContext* side_call_ = nullptr;  // a unary call to cancel on close
    bool connected_ = false;                    // Opened was received on call_
    bool reading_ = false;                      // the start of the call counts as its first read
    bool writing_ = false;
    bool finishing_ = false;
    bool finished_ = false;
    bool closing_ = false;
    bool ended_ = false;
    bool ready_ = false;          // the state of ready_fd_
    bool room_ = false;           // the state of room_fd_
    bool discarding_ = false;     // the console reconnects, to discard bytes in transit
    bool room_wanted_ = false;    // a try_write() did not accept all bytes
    std::optional<Error> error_;  // set before ended_, and final
    Coalescer tx_;
    std::deque<ConsoleItem> rx_;
    std::size_t rx_bytes_ = 0;
    std::uint64_t tx_base_ = 0;       // the port's tx offset when the connection began
    std::uint64_t tx_sent_ = 0;       // bytes passed to the connection
    std::uint64_t taken_offset_ = 0;  // the offset after the last byte taken by next()

    // The console's thread only (port_: before wait_open returns).
    Port port_;
    bool tx_recorded_ = false;
    LogCursor cursor_;
    bool opened_once_ = false;
    bool log_is_other_ = false;  // this connection found another log, with other offsets
    bool from_oldest_ = false;   // the next connection reads a new log from its start
    std::string log_id_;
    std::uint32_t attempts_ = 0;
    std::chrono::steady_clock::time_point lost_at_{};

    std::thread thread_;
};

}  // namespace vser::client
