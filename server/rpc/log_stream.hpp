#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "rpc/byte_stream.hpp"
#include "rpc/convert.hpp"
#include "rpc/item_encoder.hpp"

namespace vserd::rpc {

/// A byte stream that delivers one port's log: Attach and Read. One cursor, one message in flight.
class LogStream : public ByteStream, private hub::Sink {
protected:
    using ByteStream::ByteStream;

    /// Opens the port without a reader. On an error it finishes the call and returns false.
    bool open_port(const std::string& port);
    /// Ends the call with an error about the port.
    void fail(const Error& error);
    /// Opens the port at a start point. On an error it finishes the call and returns false.
    bool open(const std::string& port, const v1::StartPoint& from, v1::Encoding encoding,
              hub::SessionMode mode = hub::SessionMode::read_only);
    /// Sends a message before those of the log.
    void queue(const grpc::ByteBuffer& message) { outbox_.push_back(message); }
    /// Sends items until one message is in flight or the reader is at the head. After open(), call this or send_headers().
    void pump();
    /// Between open() and the first message: pump() sends nothing until resume().
    void hold_back() noexcept { held_back_ = true; }
    void resume() noexcept { held_back_ = false; }
    /// Calls when offset() is known. Until then nothing is sent.
    void when_placed(std::function<void()> call);
    /// Sends the rest of an incomplete character, then ends the call with OK.
    void complete();

    std::uint64_t offset() const noexcept { return reader_->offset(); }
    std::uint64_t first_offset() const noexcept { return reader_->first_offset(); }
    const std::string& port_name() const noexcept { return port_name_; }
    /// Null before open(), and after the port was removed.
    hub::PortHandle& port() noexcept { return port_; }

    /// Whether the bytes of an item may have different receive times.
    virtual log::Times times() const { return log::Times::mixed; }
    /// The maximum of bytes in the next item; 0: the stream is complete.
    virtual std::size_t bytes_wanted() = 0;
    /// Whether to send this item; if not, the stream is complete.
    virtual bool accept(const log::Item& item) = 0;
    /// The reader is at the head. Returns whether the stream waits for more.
    virtual bool wait_at_head() = 0;

    void on_ready() override { pump(); }
    void release() override;

private:
    void on_available() override;
    void on_closed(const Error& why) override { finish(why, {.port = port_name_}); }
    bool fill_outbox();
    bool waits_at_head();

    std::string port_name_;
    hub::PortHandle port_;
    std::unique_ptr<hub::Reader> reader_;
    std::unique_ptr<ItemEncoder> encoder_;
    Messages outbox_;
    log::BootTime opened_;
    bool completing_ = false;
    bool held_back_ = false;
    std::function<void()> when_placed_;
};

}  // namespace vserd::rpc
