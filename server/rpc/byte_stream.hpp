#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "rpc/completion.hpp"
#include "rpc/environment.hpp"

namespace vserd::rpc {

class StreamHost;

/// Counts one stream of a host during its lifetime.
class StreamPresence {
public:
    explicit StreamPresence(StreamHost& host);
    ~StreamPresence();
    StreamPresence(const StreamPresence&) = delete;
    StreamPresence& operator=(const StreamPresence&) = delete;

    StreamHost& host() const noexcept { return host_; }

private:
    StreamHost& host_;
};

/// One call that streams bytes: Attach, Read or Collect. It is created before a call arrives and destroys itself when the call
/// has ended and no operation is outstanding.
///
/// The queue's thread only parses requests (accepted(), and on_arrival() of completions). Everything else happens on the io
/// thread. At most one message to the client is in flight; meanwhile new bytes gather in the log.
class ByteStream : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    /// Ends the call after the message in flight. No further message is sent.
    void finish(const grpc::Status& status);
    void finish(const Error& error, const ErrorContext& context = {}) {
        finish(environment().status_of(error, context));
    }

protected:
    ByteStream(StreamHost& host, Method method);
    virtual ~ByteStream() = default;

    // Implemented by the class of each rpc.
    virtual void accepted() = 0;  ///< queue's thread: a call arrived; parse its request and wait for the next call
    virtual void begin() = 0;     ///< the call was admitted
    virtual void on_ready() = 0;  ///< the message in flight was sent: there is room for another
    virtual void release() = 0;   ///< the call ends: release readers and writers; called once
    virtual void start_headers(void* tag) = 0;
    virtual void start_write(const grpc::ByteBuffer& message, void* tag) = 0;
    virtual void start_finish(const grpc::Status& status, void* tag) = 0;

    /// Whether send() may be called.
    bool ready() const noexcept { return !writing_ && !ending_; }
    bool ending() const noexcept { return ending_; }
    /// There is more to send after the message in flight, so the io thread is woken for on_ready() as soon as that message is
    /// sent. Without this, on_ready() is called when the io thread wakes for another reason.
    void want_room();
    void send(const grpc::ByteBuffer& message);
    /// Used instead of the first send() when there may be nothing to send: tells the client that its call was accepted.
    void send_headers();

    /// Called around each operation that the rpc's class starts itself (reads). The stream lives until all have ended.
    void operation_started() noexcept { operations_.fetch_add(1, std::memory_order_relaxed); }
    /// Io thread. May destroy the stream: do not use it afterwards.
    void operation_ended();

    StreamHost& host() const noexcept { return presence_.host(); }
    Environment& environment() const noexcept;
    /// Valid from begin() on.
    hub::Session& session() noexcept { return *session_; }
    /// Makes the session of this call for a client of that name.
    void start_session(std::string client);
    grpc::ServerContext& context() noexcept { return context_; }
    /// The call's share of the memory for clients. Used by the thread that takes the requests.
    net::Ticket& ticket() noexcept { return ticket_; }
    /// Parses the call's only request; for accepted(). If it uses too much memory, begin() is not called.
    bool take_request(grpc::ByteBuffer& buffer, google::protobuf::MessageLite& request);
    /// Counts memory that the call uses until its end. Fails with exhausted if the server has no more. Io thread: ticket() belongs
    /// to the thread where messages arrive.
    Result<void> hold(std::size_t bytes);
    /// The same for what a reader of the archive needs now: 0 gives it back.
    Result<void> hold_for_archive(std::size_t bytes);
    void* accept_tag() noexcept { return &accept_completion_; }

private:
    std::optional<net::Ticket> held_;  ///< by hold()
    std::size_t archive_bytes_held_ = 0;

    void accept_arrived(bool ok);
    void accept_completed(bool ok);
    void write_completed(bool ok);
    bool write_is_awaited() noexcept;
    void finish_completed(bool ok);
    void call_ended(bool ok);
    void end();

    StreamPresence presence_;  // first member, so that it is destroyed last
    const Method method_;
    net::Ticket ticket_;
    std::optional<Error> refusal_;  ///< why admission rejected the call
    grpc::ServerContext context_;
    hub::Client client_;
    std::optional<hub::Session> session_;
    hub::StreamSlot slot_;
    MemberCompletion<ByteStream, &ByteStream::accept_completed, &ByteStream::accept_arrived> accept_completion_{*this};
    MemberCompletion<ByteStream, &ByteStream::write_completed, nullptr, &ByteStream::write_is_awaited>
        write_completion_{*this};
    MemberCompletion<ByteStream, &ByteStream::finish_completed> finish_completion_{*this};
    MemberCompletion<ByteStream, &ByteStream::call_ended> end_completion_{*this};
    grpc::Status status_{grpc::StatusCode::CANCELLED, "cancelled by the client"};
    std::atomic<int> operations_ = 1;  ///< outstanding; the end of the call counts as one
    bool writing_ = false;
    /// The state of the message in flight: set by the queue's thread when it was sent, read by the io thread.
    enum class Flight : std::uint8_t { underway, awaited, out };
    std::atomic<Flight> flight_ = Flight::underway;
    bool ending_ = false;  ///< finish() was called or the call has ended
    bool over_ = false;    ///< the call has ended
};

}  // namespace vserd::rpc
