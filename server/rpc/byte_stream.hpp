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

/// Counts one stream of a host as long as it lives.
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

/// One call that streams bytes: Attach, Read or Collect. Owns itself from the moment it waits for a call until that call is
/// over and nothing of it is outstanding.
///
/// The queue's thread only parses requests (accepted(), and on_arrival of completions); everything else happens on the
/// io thread. At most one message is in flight to the client: while it is, what arrives gathers in the log.
class ByteStream : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    /// Ends the call: after the message in flight, with no more of them.
    void finish(const grpc::Status& status);
    void finish(const Error& error, const ErrorContext& context = {}) {
        finish(environment().status_of(error, context));
    }

protected:
    ByteStream(StreamHost& host, Method method);
    virtual ~ByteStream() = default;

    // For the rpc's class to implement.
    virtual void accepted() = 0;  ///< queue's thread: a call came; parse its request, wait for the next call
    virtual void begin() = 0;     ///< the call may go on
    virtual void on_ready() = 0;  ///< the message in flight is out: there is room for one
    virtual void release() = 0;   ///< the call ends: let go of readers and writers; called once
    virtual void start_headers(void* tag) = 0;
    virtual void start_write(const grpc::ByteBuffer& message, void* tag) = 0;
    virtual void start_finish(const grpc::Status& status, void* tag) = 0;

    /// Whether send() may be called.
    bool ready() const noexcept { return !writing_ && !ending_; }
    bool ending() const noexcept { return ending_; }
    /// There is more to send than the message in flight: on_ready() is called as soon as that is out. Without this it is
    /// called when the io thread wakes next, for it is not woken to learn that there is nothing to do.
    void want_room();
    void send(const grpc::ByteBuffer& message);
    /// In place of the first send(), where nothing may be there to send: tells the client that its call was accepted.
    void send_headers();

    /// Bracket every operation that is the rpc's own (reads): the stream lives until as many ended as were started.
    void operation_started() noexcept { operations_.fetch_add(1, std::memory_order_relaxed); }
    /// Io thread. May destroy the stream; nothing may follow it.
    void operation_ended();

    StreamHost& host() const noexcept { return presence_.host(); }
    Environment& environment() const noexcept;
    /// From begin() on.
    hub::Session& session() noexcept { return *session_; }
    /// The session of this call, whose client gave that name.
    void start_session(std::string client);
    grpc::ServerContext& context() noexcept { return context_; }
    /// The call's share of the memory for clients; of whoever takes the requests.
    net::Ticket& ticket() noexcept { return ticket_; }
    /// Parses the one request of the call; for accepted(). Where it takes too much memory, begin() is not called.
    bool take_request(grpc::ByteBuffer& buffer, google::protobuf::MessageLite& request);
    void* accept_tag() noexcept { return &accept_completion_; }

private:
    void accept_arrived(bool ok);
    void accept_completed(bool ok);
    void write_completed(bool ok);
    bool write_is_awaited() noexcept;
    void finish_completed(bool ok);
    void call_ended(bool ok);
    void end();

    StreamPresence presence_;  // first, so that it goes last
    const Method method_;
    net::Ticket ticket_;
    std::optional<Error> refusal_;  ///< of admission
    grpc::ServerContext context_;
    std::optional<hub::Session> session_;
    hub::StreamSlot slot_;
    MemberCompletion<ByteStream, &ByteStream::accept_completed, &ByteStream::accept_arrived> accept_completion_{*this};
    MemberCompletion<ByteStream, &ByteStream::write_completed, nullptr, &ByteStream::write_is_awaited>
        write_completion_{*this};
    MemberCompletion<ByteStream, &ByteStream::finish_completed> finish_completion_{*this};
    MemberCompletion<ByteStream, &ByteStream::call_ended> end_completion_{*this};
    grpc::Status status_{grpc::StatusCode::CANCELLED, "cancelled by the client"};
    std::atomic<int> operations_ = 1;  ///< outstanding ones; the first is the end of the call itself
    bool writing_ = false;
    /// Of the message in flight, between the queue's thread, which sees it out, and the io thread, which wants to know.
    enum class Flight : std::uint8_t { underway, awaited, out };
    std::atomic<Flight> flight_ = Flight::underway;
    bool ending_ = false;  ///< finish() was called or the call is over
    bool over_ = false;    ///< the call is over
};

}  // namespace vserd::rpc
