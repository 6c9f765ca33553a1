#pragma once

#include "rpc/log_stream.hpp"

namespace vserd::rpc {

/// ConsoleService.Read.
class ReadStream final : public LogStream {
public:
    /// Waits for a call.
    explicit ReadStream(StreamHost& host);

private:
    void accepted() override;
    void begin() override;
    void start_headers(void* tag) override { writer_.SendInitialMetadata(tag); }
    void start_write(const grpc::ByteBuffer& message, void* tag) override { writer_.Write(message, tag); }
    void start_finish(const grpc::Status& status, void* tag) override { writer_.Finish(status, tag); }
    std::size_t bytes_wanted() override;
    bool accept(const log::Item& item) override;
    bool wait_at_head() override { return request_.follow(); }

    grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context()};
    grpc::ByteBuffer request_buffer_;
    v1::ReadRequest request_;
    bool request_valid_ = false;
    std::uint64_t end_offset_ = 0;  ///< the head at the start; a stream without `follow` ends there
    std::uint64_t end_event_ = 0;   ///< the number of the newest event at the start
    std::uint64_t bytes_left_ = 0;  ///< remaining of max_bytes
};

}  // namespace vserd::rpc
