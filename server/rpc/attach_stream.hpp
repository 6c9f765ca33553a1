#pragma once

#include <optional>

#include "rpc/log_stream.hpp"

namespace vserd::rpc {

/// ConsoleService.Attach: the log one way, bytes and line requests the other.
///
/// Requests are taken one at a time and in order: the next is read only when the port has taken the last one, so HTTP/2
/// flow control holds back a client that is faster than the line.
class AttachStream final : public LogStream, private hub::PortWatcher {
public:
    /// Waits for a call.
    explicit AttachStream(StreamHost& host);

private:
    void accepted() override;
    void begin() override { read_request(); }
    void release() override;
    void start_headers(void* tag) override { stream_.SendInitialMetadata(tag); }
    void start_write(const grpc::ByteBuffer& message, void* tag) override { stream_.Write(message, tag); }
    void start_finish(const grpc::Status& status, void* tag) override { stream_.Finish(status, tag); }
    std::size_t bytes_wanted() override { return reply_payload_bytes_max; }
    bool accept(const hub::Item& /*item*/) override { return true; }
    bool wait_at_head() override { return true; }

    void on_port_added(hub::Channel& /*channel*/) override {}
    void on_port_event(hub::Channel& channel, const hub::EventItem& event) override;
    void on_port_removed(hub::Channel& /*channel*/) override {}  // the reader is told

    void read_request();
    void request_arrived(bool ok);
    void request_completed(bool ok);
    void take_request();
    void take_open(const v1::Open& open);
    void take_bytes(const std::string& bytes);
    void take_line_request();
    void set_signals(port::Port& port);
    void send_break(port::Port& port);
    void line_request_done(const Result<void>& result);
    Result<void> acquire(hub::Channel& channel, const v1::Open& open);

    grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context()};
    MemberCompletion<AttachStream, &AttachStream::request_completed, &AttachStream::request_arrived> read_completion_{
        *this};
    grpc::ByteBuffer request_buffer_;
    v1::AttachRequest request_;  ///< the queue's thread has it while a read is outstanding, the io thread otherwise
    bool request_valid_ = false;
    bool opened_ = false;
    bool watching_ = false;  ///< for the device to come back
    v1::Mode mode_ = v1::MODE_UNSPECIFIED;
    std::unique_ptr<hub::Writer> writer_;
    hub::PendingWrite pending_;
};

}  // namespace vserd::rpc
