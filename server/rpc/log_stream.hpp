#pragma once

#include <chrono>
#include <memory>

#include "rpc/byte_stream.hpp"
#include "rpc/convert.hpp"
#include "rpc/item_encoder.hpp"

namespace vserd::rpc {

/// A byte stream that delivers one port's log: Attach and Read. One cursor, one message in flight.
class LogStream : public ByteStream, private hub::Sink {
protected:
    using ByteStream::ByteStream;

    /// Opens the port at a place in its log; false after it finished the call with what was wrong.
    bool open(const std::string& port, const v1::StartPoint& from, v1::Encoding encoding);
    /// Puts a message before those of the log.
    void queue(const grpc::ByteBuffer& message) { outbox_.push_back(message); }
    /// Sends what there is, until one message is in flight or there is no more. After open(), call it or
    /// send_headers().
    void pump();
    /// Ends the call with OK after what is left of a character.
    void complete();

    std::uint64_t offset() const noexcept { return reader_->offset(); }
    const std::string& port_name() const noexcept { return port_name_; }
    /// Null before open(), and after the port was removed.
    hub::PortHandle& port() noexcept { return port_; }

    /// The most bytes that the next item may hold; 0: the stream is complete.
    virtual std::size_t bytes_wanted() = 0;
    /// Whether this item may go out; if not, the stream is complete.
    virtual bool accept(const log::Item& item) = 0;
    /// The reader is at the head. Returns whether the stream goes on when there is more.
    virtual bool wait_at_head() = 0;

    void on_ready() override { pump(); }
    void release() override;

private:
    void on_available() override { pump(); }
    void on_closed() override;
    bool fill_outbox();
    bool waits_at_head();

    std::string port_name_;
    hub::PortHandle port_;
    std::unique_ptr<hub::Reader> reader_;
    std::unique_ptr<ItemEncoder> encoder_;
    Messages outbox_;
    log::BootTime opened_;
    bool completing_ = false;
};

}  // namespace vserd::rpc
