#pragma once

#include <chrono>
#include <optional>

#include "hub/port_watcher.hpp"
#include "rpc/log_stream.hpp"
#include "rpc/request_inbox.hpp"

namespace vserd::rpc {

/// ConsoleService.Attach: sends the log to the client, and takes bytes and line requests from it.
///
/// Requests are processed one at a time, in order. A few more are read ahead; beyond that, HTTP/2 flow control holds back a
/// client that is faster than the line.
class AttachStream final : public LogStream, private hub::PortWatcher {
public:
    /// Waits for a call.
    explicit AttachStream(StreamHost& host);

private:
    static constexpr std::chrono::hours no_deadline{24 * 365};

    void accepted() override;
    void begin() override { read_request(); }
    void release() override;
    void start_headers(void* tag) override { stream_.SendInitialMetadata(tag); }
    void start_write(const grpc::ByteBuffer& message, void* tag) override { stream_.Write(message, tag); }
    void start_finish(const grpc::Status& status, void* tag) override { stream_.Finish(status, tag); }
    std::size_t bytes_wanted() override { return reply_payload_bytes_max; }
    bool accept(const log::Item& /*item*/) override { return true; }
    bool wait_at_head() override { return true; }

    void on_port_added(const hub::Channel& /*channel*/) override {}
    void on_port_event(const hub::Channel& channel, const log::EventItem& event) override;
    void on_port_removed(const hub::Channel& /*channel*/) override {}  // the reader gets on_closed()

    void read_request();
    bool request_arrived(bool ok);  ///< queue's thread; returns whether to call read_next()
    void read_next();               ///< queue's thread
    void request_completed(bool ok);
    void take_requests();
    void take_request();
    void request_taken();
    void take_end(RequestInbox::End end);
    void take_open(const v1::Open& open);
    void acquire_exclusive();
    void answer_open();
    void send_opened();
    void take_lease_request();
    void acquired(const Result<void>& result);
    void take_bytes(const std::string& bytes);
    void take_line_request();
    void watch_for_device(bool on);
    void start_line_request();
    void set_signals();
    void send_break();
    void change_settings(const Result<line::SettingsChange>& change);
    void flush();
    void line_request_done(const Result<void>& result);
    void make_way();
    void way_made(bool again);
    bool may_write();
    void refuse(std::uint64_t bytes, std::string request, std::optional<access::Role> needed = std::nullopt);
    void announce_refusal();
    void on_ready() override;

    grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context()};
    MemberCompletion<AttachStream, &AttachStream::request_completed, &AttachStream::request_arrived, nullptr,
                     &AttachStream::read_next>
        read_completion_{*this};
    grpc::ByteBuffer request_buffer_;
    RequestInbox inbox_{ticket()};
    v1::AttachRequest request_;  ///< the request in progress
    bool busy_ = false;          ///< request_ is in progress
    bool taking_ = false;        ///< take_requests() is running
    bool opened_ = false;
    bool watching_ = false;  ///< waits until the device is connected again
    v1::Mode mode_ = v1::MODE_UNSPECIFIED;
    hub::PendingWrite pending_;
    std::optional<port::Deadline> line_deadline_;  ///< of the line request that waits for its turn; ends with the call
    bool making_way_ = false;
    std::optional<port::Deadline> way_deadline_;  ///< of the request that make_way() started
    std::optional<v1::AttachResponse> refusal_;   ///< event that answers request_, until there is room to send it
};

}  // namespace vserd::rpc
