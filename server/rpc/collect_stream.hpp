#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "hub/port_watcher.hpp"
#include "rpc/byte_stream.hpp"
#include "rpc/convert.hpp"
#include "rpc/wire.hpp"

namespace vserd::rpc {

/// ConsoleService.Collect: many ports in one stream. Bytes that several ports receive in one turn of the loop share a message.
/// While a message is in flight, new bytes gather in the logs.
class CollectStream final : public ByteStream, private hub::PortWatcher {
public:
    /// Waits for a call.
    explicit CollectStream(StreamHost& host);

private:
    /// One port of the stream.
    class Source final : public hub::Sink, public boost::intrusive::list_base_hook<> {
    public:
        Source(CollectStream& stream, std::string port) : stream_(stream), port_(std::move(port)) {}
        Result<void> attach(hub::PortHandle port, const hub::StartPoint& start);
        std::optional<log::Item> next(std::size_t bytes_max) { return reader_->next(bytes_max); }
        const std::string& port() const noexcept { return port_; }
        std::uint64_t offset() const noexcept { return reader_->offset(); }
        std::size_t archive_bytes() const noexcept { return reader_->archive_bytes(); }
        std::size_t archive_bytes_held = 0;  ///< of the stream's
        void on_available() override { stream_.available(*this); }
        void on_closed(const Error& why) override { stream_.closed(*this, why); }

    private:
        CollectStream& stream_;
        const std::string port_;
        hub::PortHandle handle_;
        std::unique_ptr<hub::Reader> reader_;
    };

    void accepted() override;
    void begin() override;
    void on_ready() override { gather(); }
    void release() override;
    void start_headers(void* tag) override { writer_.SendInitialMetadata(tag); }
    void start_write(const grpc::ByteBuffer& message, void* tag) override { writer_.Write(message, tag); }
    void start_finish(const grpc::Status& status, void* tag) override { writer_.Finish(status, tag); }

    void on_port_added(const hub::Channel& channel) override;
    void on_rights_changed() override;
    void on_port_event(const hub::Channel& /*channel*/, const log::EventItem& /*event*/) override {}
    void on_port_removed(const hub::Channel& /*channel*/) override {}  // its source gets on_closed()

    bool may_read(const hub::Channel& channel) { return session().role(channel.name()) >= access::Role::read; }
    Result<void> add_sources();
    Result<void> add_source(const std::string& port, const v1::StartPoint& from, const std::string& field);
    void available(Source& source);
    void closed(Source& source, const Error& why);
    void gather();
    void append(const Source& source, const log::Item& item);
    Result<void> hold_for_archive(Source& source, std::size_t bytes);

    grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context()};
    grpc::ByteBuffer request_buffer_;
    v1::CollectRequest request_;
    bool request_valid_ = false;
    bool watching_ = false;
    std::list<Source> sources_;
    std::map<std::string, std::uint64_t> lost_;  ///< where the ports that the client may not read any more were left
    boost::intrusive::list<Source> readable_;    ///< in the order in which they became readable
    std::size_t archive_bytes_held_ = 0;         ///< of all sources
    MessageBuilder builder_;
    log::BootTime opened_;
    std::shared_ptr<CollectStream*>
        end_of_turn_;  ///< shared with the loop, where it may remain for one turn after the stream is gone
    std::string failed_port_;
};

}  // namespace vserd::rpc
