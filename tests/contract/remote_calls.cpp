#include "contract/remote_calls.hpp"

#include <gtest/gtest.h>

namespace vserd {
namespace {

constexpr int window_bytes = 4096;

std::shared_ptr<grpc::Channel> connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, window_bytes);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

RemoteClient::RemoteClient(const std::string& address) {
    const auto channel = connect(address);
    console = vser::v1::ConsoleService::NewStub(channel);
    ports = vser::v1::PortService::NewStub(channel);
}

RemoteClient::~RemoteClient() {
    queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) ADD_FAILURE() << "a call goes on without its client";
}

bool RemoteClient::turn() {
    bool any = false;
    void* tag = nullptr;
    bool ok = false;
    while (queue.AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_REALTIME)) == grpc::CompletionQueue::GOT_EVENT) {
        const auto& step = *static_cast<RemoteCall::Tag*>(tag);
        step.call.on_step(step.step, ok);
        any = true;
    }
    return any;
}

void RemoteCall::end() {
    EXPECT_FALSE(over_) << "a call that ends twice";
    over_ = true;
}

void RemoteStream::on_step(Step step, bool ok) {
    switch (step) {
        case Step::started:
            begun_ = true;
            ended_ = !ok;
            if (ok) begin();
            return ended_ ? finish() : read_more();
        case Step::received:
            reading_ = false;
            if (ok) {
                take_message();
                return read_more();
            }
            ended_ = true;
            return finish();
        case Step::sent: on_sent(ok); return finish();
        case Step::finished: return end();
    }
}

void RemoteStream::read_on(std::size_t messages) {
    stops_ = messages > 0;
    wanted_ = messages;
    read_more();
}

void RemoteStream::read_more() {
    if (!begun_ || reading_ || ended_) return;
    if (stops_ && wanted_ == 0) return;
    if (stops_) --wanted_;
    reading_ = true;
    start_read();
}

void RemoteStream::finish() {
    if (!ended_ || finishing_ || sending()) return;
    finishing_ = true;
    start_finish();
}

void RemoteStream::take_data(std::uint64_t offset, const std::string& bytes) {
    ASSERT_EQ(offset, next_.value_or(offset)) << "bytes twice, or left out without a gap";
    ASSERT_LE(offset + bytes.size(), all_.size()) << "bytes that the device never sent";
    ASSERT_TRUE(!bytes.empty() && all_.compare(offset, bytes.size(), bytes) == 0) << "other bytes at " << offset;
    next_ = offset + bytes.size();
}

void RemoteStream::take_gap(const vser::v1::Gap& gap) {
    ASSERT_EQ(gap.from(), next_.value_or(gap.from())) << "a gap elsewhere";
    ASSERT_TRUE(gap.to() > gap.from() || (gap.to() == gap.from() && gap.events_lost() > 0)) << "a gap of nothing";
    ASSERT_LE(gap.to(), all_.size()) << "a gap of bytes that are still to come";
    next_ = gap.to();
    ++gaps_;
}

void RemoteStream::take_event(const vser::v1::Event& event) {
    ASSERT_EQ(event.offset(), next_.value_or(event.offset())) << "an event away from its place";
    next_ = event.offset();
}

RemoteConsole::RemoteConsole(RemoteClient& client, const std::string& received, vser::v1::Open open,
                             std::uint32_t writer, std::optional<std::uint64_t> next)
    : RemoteStream(received, next),
      stream_(client.console->PrepareAsyncAttach(&context_, &client.queue)),
      next_record_{writer, 0} {
    *outbox_.emplace_back().mutable_open() = std::move(open);
    stream_->StartCall(&started_);
}

void RemoteConsole::take_message() {
    if (message_.has_event()) refused_bytes_ += message_.event().writer().refused_bytes();
    if (!message_.has_opened()) return take_item(message_);
    EXPECT_FALSE(opened_) << "opened twice";
    opened_ = true;
    if (!next()) expect_next(message_.opened().offset());
}

void RemoteConsole::write(std::size_t size) {
    outbox_.emplace_back().set_data(test::record(next_record_, size));
    ++next_record_.number;
    send_next();
}

void RemoteConsole::half_close() {
    half_closes_ = true;
    send_next();
}

void RemoteConsole::send_next() {
    if (!begun() || sending_ || broken_) return;
    if (outbox_.empty()) {
        if (half_closes_) {
            sending_ = true;
            half_closes_ = false;
            broken_ = true;  // nothing may follow it
            stream_->WritesDone(&sent_);
        }
        return;
    }
    sending_ = true;
    in_hand_ = std::move(outbox_.front());
    outbox_.pop_front();
    stream_->Write(in_hand_, &sent_);
}

void RemoteConsole::on_sent(bool ok) {
    sending_ = false;
    broken_ = broken_ || !ok;
    if (broken_) outbox_.clear();
    send_next();
}

std::optional<std::string> RemoteConsole::last_record() const {
    if (in_hand_.data().empty()) return std::nullopt;
    return in_hand_.data();
}

}  // namespace vserd
