#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/lazy_deque.hpp"
#include "rpc/line_encoder.hpp"
#include "rpc/log_search.hpp"
#include "rpc/log_stream.hpp"
#include "rpc/read_end.hpp"

namespace vserd::rpc {

/// ConsoleService.Read.
class ReadStream final : public LogStream {
public:
    /// Waits for a call.
    explicit ReadStream(StreamHost& host);

private:
    void accepted() override;
    void begin() override;
    void release() override;
    void on_ready() override;
    void start_headers(void* tag) override { writer_.SendInitialMetadata(tag); }
    void start_write(const grpc::ByteBuffer& message, void* tag) override { writer_.Write(message, tag); }
    void start_finish(const grpc::Status& status, void* tag) override { writer_.Finish(status, tag); }
    log::Times times() const override;
    std::size_t bytes_wanted() override;
    bool accept(const log::Item& item) override;
    bool wait_at_head() override { return end_->waits_at_head(); }
    Result<void> set_end();
    void wait_for_end();

    // With `match`.
    Result<void> begin_search();
    void pump_lines();
    bool take_lines();
    void encode_next();
    void batch_lines();

    grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context()};
    grpc::ByteBuffer request_buffer_;
    v1::ReadRequest request_;
    bool request_valid_ = false;
    std::optional<ReadEnd> end_;
    std::uint64_t bytes_left_ = 0;                            ///< remaining of max_bytes
    std::shared_ptr<void> alive_ = std::make_shared<char>();  ///< for life_, which does not own this
    port::Life life_;
    std::optional<port::Timer> until_;
    std::unique_ptr<LogSearch> search_;  ///< null: without `match`
    std::optional<LineEncoder> line_encoder_;
    base::LazyDeque<LogSearch::Item, 8> found_;  ///< by the search, not yet encoded
    LineEncoder::Messages lines_;
};

}  // namespace vserd::rpc
