#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "support/traffic.hpp"
#include "vser/v1/console_service.grpc.pb.h"
#include "vser/v1/port_service.grpc.pb.h"

namespace vserd {

/// A client with a connection of its own, driven by hand. Its windows are small, so that one that does not read is felt.
class RemoteClient {
public:
    explicit RemoteClient(const std::string& address);
    ~RemoteClient();  ///< requires: all of its calls are over
    RemoteClient(const RemoteClient&) = delete;
    RemoteClient& operator=(const RemoteClient&) = delete;

    /// Returns whether anything happened.
    bool turn();

    std::unique_ptr<vser::v1::ConsoleService::Stub> console;
    std::unique_ptr<vser::v1::PortService::Stub> ports;
    grpc::CompletionQueue queue;
};

/// One call, from its start until it ended with a status, which it does once.
class RemoteCall {
public:
    virtual ~RemoteCall() = default;
    RemoteCall(const RemoteCall&) = delete;
    RemoteCall& operator=(const RemoteCall&) = delete;

    bool over() const noexcept { return over_; }
    const grpc::Status& status() const noexcept { return status_; }
    bool cancelled() const noexcept { return cancelled_; }
    void cancel() {
        cancelled_ = true;
        context_.TryCancel();
    }

protected:
    enum class Step : std::uint8_t { started, received, sent, finished };
    /// What the completion queue hands back.
    struct Tag {
        RemoteCall& call;
        Step step;
    };

    RemoteCall() = default;
    virtual void on_step(Step step, bool ok) = 0;
    void end();

    grpc::ClientContext context_;
    grpc::Status status_;
    Tag started_{*this, Step::started}, received_{*this, Step::received}, sent_{*this, Step::sent},
        finished_{*this, Step::finished};

private:
    friend class RemoteClient;
    bool cancelled_ = false;
    bool over_ = false;
};

/// A call with one reply.
template <class Response>
class RemoteUnary final : public RemoteCall {
public:
    /// `start`: of the stub's Async functions.
    template <class Start>
    RemoteUnary(std::optional<std::chrono::milliseconds> limit, const Start& start) {
        if (limit) context_.set_deadline(std::chrono::system_clock::now() + *limit);
        reader_ = start(&context_);
        reader_->Finish(&response_, &status_, &finished_);
    }
    const Response& response() const noexcept { return response_; }

private:
    void on_step(Step /*step*/, bool /*ok*/) override { end(); }

    std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader_;
    Response response_;
};

/// A call whose replies are items of a port's log. Compares them with what the port received.
class RemoteStream : public RemoteCall {
public:
    /// How many messages are taken before it stops reading; 0: it does not stop.
    void read_on(std::size_t messages);
    std::optional<std::uint64_t> next() const noexcept { return next_; }
    std::uint64_t gaps() const noexcept { return gaps_; }

protected:
    /// `received`: all that the port ever received; outlives the call. `next`: where the first item has to be, if that is known.
    RemoteStream(const std::string& received, std::optional<std::uint64_t> next) : all_(received), next_(next) {}

    void on_step(Step step, bool ok) override;
    virtual void begin() {}
    virtual void start_read() = 0;
    virtual void start_finish() = 0;
    virtual void take_message() = 0;
    virtual void on_sent(bool /*ok*/) {}
    virtual bool sending() const { return false; }

    template <class Item>
    void take_item(const Item& item) {
        if (item.has_data()) take_data(item.data().offset(), item.data().bytes());
        if (item.has_gap()) take_gap(item.gap());
        if (item.has_event()) take_event(item.event());
    }
    void take_data(std::uint64_t offset, const std::string& bytes);
    void take_gap(const vser::v1::Gap& gap);
    void take_event(const vser::v1::Event& event);
    void expect_next(std::uint64_t offset) { next_ = offset; }
    bool begun() const noexcept { return begun_; }

private:
    void read_more();
    void finish();

    const std::string& all_;
    std::optional<std::uint64_t> next_;
    std::uint64_t gaps_ = 0;
    bool begun_ = false;
    bool reading_ = false;
    bool ended_ = false;  ///< there is nothing more to read
    bool finishing_ = false;
    bool stops_ = false;
    std::size_t wanted_ = 0;  ///< messages, until it stops
};

/// Read and Collect.
template <class Response>
class RemoteReader final : public RemoteStream {
public:
    template <class Start>
    RemoteReader(const std::string& received, std::optional<std::uint64_t> next, const Start& prepare)
        : RemoteStream(received, next), reader_(prepare(&context_)) {
        reader_->StartCall(&started_);
    }

private:
    void start_read() override { reader_->Read(&message_, &received_); }
    void start_finish() override { reader_->Finish(&status_, &finished_); }
    void take_message() override {
        if constexpr (std::is_same_v<Response, vser::v1::CollectResponse>) {
            for (const auto& record : message_.records()) {
                if (record.has_data()) take_data(record.offset(), record.data());
                if (record.has_gap()) take_gap(record.gap());
                if (record.has_event()) take_event(record.event());
            }
        } else {
            take_item(message_);
        }
    }

    std::unique_ptr<grpc::ClientAsyncReader<Response>> reader_;
    Response message_;
};

/// Attach: reads, and writes records of its own.
class RemoteConsole final : public RemoteStream {
public:
    RemoteConsole(RemoteClient& client, const std::string& received, vser::v1::Open open, std::uint32_t writer,
                  std::optional<std::uint64_t> next);

    void write(std::size_t size);
    void half_close();
    /// Whether all that it was told to write is out of its hands.
    bool has_written() const noexcept { return outbox_.empty() && !sending_; }
    /// The last record whose writing was begun, if there is any.
    std::optional<std::string> last_record() const;
    bool opened() const noexcept { return opened_; }
    /// Of what it wrote, as it was told: another client held the port.
    std::uint64_t refused_bytes() const noexcept { return refused_bytes_; }
    std::uint32_t writer() const noexcept { return next_record_.writer; }

private:
    void begin() override { send_next(); }
    void start_read() override { stream_->Read(&message_, &received_); }
    void start_finish() override { stream_->Finish(&status_, &finished_); }
    void take_message() override;
    void on_sent(bool ok) override;
    bool sending() const override { return sending_; }
    void send_next();

    std::unique_ptr<grpc::ClientAsyncReaderWriter<vser::v1::AttachRequest, vser::v1::AttachResponse>> stream_;
    vser::v1::AttachResponse message_;
    std::deque<vser::v1::AttachRequest> outbox_;
    vser::v1::AttachRequest in_hand_;
    test::RecordId next_record_;
    bool sending_ = false;
    bool broken_ = false;
    bool half_closes_ = false;
    bool opened_ = false;
    std::uint64_t refused_bytes_ = 0;
};

}  // namespace vserd
