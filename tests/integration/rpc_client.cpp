#include "integration/rpc_client.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace vserd::rpc_test {

Client::Client(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxSendMessageSize(-1);
    channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    ports = v1::PortService::NewStub(channel);
    console = v1::ConsoleService::NewStub(channel);
    admin = v1::AdminService::NewStub(channel);
}

Refusal refusal_of(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    if (!details.ParseFromString(status.error_details()) || details.details_size() != 1 ||
        !details.details(0).UnpackTo(&info) || info.domain() != "vserd") {
        return {};
    }
    return {info.reason(), {info.metadata().begin(), info.metadata().end()}};
}

::testing::AssertionResult is_refused(const grpc::Status& status, grpc::StatusCode code, const std::string& reason) {
    const Refusal refusal = refusal_of(status);
    if (status.error_code() == code && refusal.reason == reason && !status.error_message().empty()) {
        return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "got code " << status.error_code() << ", reason \"" << refusal.reason
                                         << "\", message \"" << status.error_message() << "\"";
}

Console::Console(Client& client, const v1::Open& open) : stream_(client.console->Attach(&call_)) {
    v1::AttachRequest request;
    *request.mutable_open() = open;
    stream_->Write(request);
}

Console::~Console() {
    if (finished_) return;
    call_.TryCancel();
    finish();
}

bool Console::send(const std::string& bytes) {
    v1::AttachRequest request;
    request.set_data(bytes);
    return stream_->Write(request);
}

std::string Console::read_bytes(std::size_t size) {
    std::string bytes;
    v1::AttachResponse response;
    while (bytes.size() < size && stream_->Read(&response)) bytes += response.data().bytes();
    return bytes;
}

bool Console::read_event(const std::function<bool(const v1::Event&)>& wanted) {
    v1::AttachResponse response;
    while (stream_->Read(&response)) {
        if (response.has_event() && wanted(response.event())) return true;
    }
    return false;
}

grpc::Status Console::finish() {
    finished_ = true;
    v1::AttachResponse ignored;
    while (stream_->Read(&ignored)) continue;
    return stream_->Finish();
}

v1::Open open_of(const std::string& port) {
    v1::Open open;
    open.set_port(port);
    return open;
}

grpc::Status write_all(Client& client, const std::string& port, const std::string& bytes) {
    constexpr std::size_t piece = 256 * 1024;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        Call call;
        v1::WriteRequest request;
        v1::WriteResponse response;
        request.set_port(port);
        request.set_data(bytes.substr(at, piece));
        const grpc::Status status = client.console->Write(&call, request, &response);
        if (!status.ok()) return status;
    }
    return grpc::Status::OK;
}

std::string pattern(std::size_t size, std::uint64_t from) {
    std::string bytes(size, '\0');
    for (std::size_t at = 0; at < size; ++at) {
        const std::uint64_t mixed = (from + at) * 0x9E3779B97F4A7C15U;
        bytes[at] = static_cast<char>(mixed >> 56U);
    }
    return bytes;
}

std::string read_log(Client& client, const std::string& port, std::uint64_t offset, std::size_t size) {
    Call call;
    v1::ReadRequest request;
    request.set_port(port);
    request.mutable_from()->set_offset(offset);
    request.set_follow(true);
    request.set_max_bytes(size);
    const auto stream = client.console->Read(&call, request);
    std::string bytes;
    v1::ReadResponse response;
    while (stream->Read(&response)) {
        EXPECT_FALSE(response.has_gap()) << response.gap().from() << " to " << response.gap().to();
        if (!response.has_data()) continue;
        EXPECT_EQ(response.data().offset(), offset + bytes.size());
        bytes += response.data().bytes();
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return bytes;
}

}  // namespace vserd::rpc_test
