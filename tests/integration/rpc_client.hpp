#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "support/vserd_process.hpp"
#include "vser/v1/admin_service.grpc.pb.h"
#include "vser/v1/console_service.grpc.pb.h"
#include "vser/v1/port_service.grpc.pb.h"

namespace vserd::rpc_test {

namespace v1 = ::vser::v1;
using namespace test;  // the daemon as a process

/// A client with a connection of its own.
struct Client {
    explicit Client(const std::string& address);

    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::PortService::Stub> ports;
    std::unique_ptr<v1::ConsoleService::Stub> console;
    std::unique_ptr<v1::AdminService::Stub> admin;
};

/// A call's context whose deadline keeps a test from hanging.
struct Call : grpc::ClientContext {
    explicit Call(std::chrono::milliseconds limit = std::chrono::seconds(60)) {
        set_deadline(std::chrono::system_clock::now() + limit);
    }
};

/// What a failed call told.
struct Refusal {
    std::string reason;
    std::map<std::string, std::string> metadata;
};
Refusal refusal_of(const grpc::Status& status);

/// Checks the code and ErrorInfo.reason of a status, with what it was in the message.
::testing::AssertionResult is_refused(const grpc::Status& status, grpc::StatusCode code, const std::string& reason);

/// One open console.
class Console {
public:
    Console(Client& client, const v1::Open& open);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    bool send(const std::string& bytes);
    bool send(const v1::AttachRequest& request) { return stream_->Write(request); }
    bool read(v1::AttachResponse& response) { return stream_->Read(&response); }
    /// Reads until as many bytes came, and returns them; fewer when the stream ends.
    std::string read_bytes(std::size_t size);
    /// Reads until an event that `wanted` likes; false when the stream ends before.
    bool read_event(const std::function<bool(const v1::Event&)>& wanted);
    void half_close() { stream_->WritesDone(); }
    void cancel() { call_.TryCancel(); }
    grpc::Status finish();

private:
    Call call_;
    std::unique_ptr<grpc::ClientReaderWriter<v1::AttachRequest, v1::AttachResponse>> stream_;
    bool finished_ = false;
};

v1::Open open_of(const std::string& port);

/// Sends bytes by Write, in pieces that it takes.
grpc::Status write_all(Client& client, const std::string& port, const std::string& bytes);

/// `size` bytes that differ from place to place.
std::string pattern(std::size_t size, std::uint64_t from = 0);

/// Reads a port's log from `offset` until `size` bytes came, and fails the test on a gap.
std::string read_log(Client& client, const std::string& port, std::uint64_t offset, std::size_t size);

}  // namespace vserd::rpc_test
