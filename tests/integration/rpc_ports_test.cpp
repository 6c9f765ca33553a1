#include <asm/termbits.h>
#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <sys/ioctl.h>

#include <future>

#include "grpc/health/v1/health.pb.h"
#include "integration/rpc_client.hpp"
#include "support/pty.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

using ::testing::HasSubstr;

/// A daemon with one port of each kind that matters here.
class RpcPorts : public ::testing::Test {
protected:
    grpc::Status set_baud(const std::string& port, std::uint32_t baud, v1::SetBaudResponse& response) {
        Call call;
        v1::SetBaudRequest request;
        request.set_port(port);
        request.set_baud(baud);
        return client.ports->SetBaud(&call, request, &response);
    }
    grpc::Status set_format(const std::string& port, const v1::Format& format, v1::SetFormatResponse& response) {
        Call call;
        v1::SetFormatRequest request;
        request.set_port(port);
        *request.mutable_format() = format;
        return client.ports->SetFormat(&call, request, &response);
    }
    grpc::Status set_signals(const std::string& port, std::optional<bool> dtr, std::optional<bool> rts,
                             v1::SetSignalsResponse& response) {
        Call call;
        v1::SetSignalsRequest request;
        request.set_port(port);
        if (dtr) request.set_dtr(*dtr);
        if (rts) request.set_rts(*rts);
        return client.ports->SetSignals(&call, request, &response);
    }
    grpc::Status send_break(const std::string& port, std::int64_t seconds, std::int32_t nanos) {
        Call call;
        v1::SendBreakRequest request;
        v1::SendBreakResponse response;
        request.set_port(port);
        request.mutable_duration()->set_seconds(seconds);
        request.mutable_duration()->set_nanos(nanos);
        return client.ports->SendBreak(&call, request, &response);
    }
    v1::Port get_port(const std::string& name) {
        Call call;
        v1::GetPortRequest request;
        v1::GetPortResponse response;
        request.set_port(name);
        EXPECT_TRUE(client.ports->GetPort(&call, request, &response).ok());
        return response.port();
    }
    void wait_online(const std::string& name) {
        ASSERT_TRUE(eventually([&] { return get_port(name).state() == v1::STATE_ONLINE; }));
    }
    std::string health(const std::string& service) {
        Call call;
        grpc::health::v1::HealthCheckRequest request;
        grpc::health::v1::HealthCheckResponse response;
        request.set_service(service);
        const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC);
        const auto status = grpc::internal::BlockingUnaryCall<grpc::health::v1::HealthCheckRequest,
                                                              grpc::health::v1::HealthCheckResponse>(
            client.channel.get(), method, &call, request, &response);
        if (!status.ok()) return "code " + std::to_string(status.error_code());
        return grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status());
    }

    io::Pty pty = test::open_pty();
    Daemon daemon{port_table("sim", "sim:echo", "description = \"A wire\"") + port_table("tty", pty.path) +
                  port_table("gone", "/dev/vserd-no-such-device")};
    Client client{daemon.address()};
};

TEST_F(RpcPorts, ListPortsShowsEachPortWithWhatIsInForce) {
    wait_online("sim");
    wait_online("tty");
    Call call;
    v1::ListPortsResponse response;

    ASSERT_TRUE(client.ports->ListPorts(&call, {}, &response).ok());

    ASSERT_EQ(response.ports_size(), 3);
    EXPECT_EQ(response.ports(0).name(), "gone");
    EXPECT_EQ(response.ports(0).state(), v1::STATE_OFFLINE);
    EXPECT_THAT(response.ports(0).offline_reason(), HasSubstr("/dev/vserd-no-such-device"));
    EXPECT_EQ(response.ports(1).name(), "sim");
    EXPECT_EQ(response.ports(1).description(), "A wire");
    EXPECT_EQ(response.ports(1).kind(), v1::KIND_SIMULATED);
    EXPECT_EQ(response.ports(1).baud(), 115200U);
    EXPECT_EQ(response.ports(1).format().data_bits(), 8U);
    EXPECT_EQ(response.ports(1).format().parity(), v1::PARITY_NONE);
    EXPECT_TRUE(response.ports(1).capabilities().modem_signals());
    EXPECT_FALSE(response.ports(1).engine().empty());
    EXPECT_EQ(response.ports(2).kind(), v1::KIND_TTY);
    EXPECT_EQ(response.ports(2).device(), pty.path);
}

TEST_F(RpcPorts, AnUnknownPortIsNotFoundAndTheMessageListsTheClosest) {
    Call call;
    v1::GetBaudRequest request;
    v1::GetBaudResponse response;
    request.set_port("smi");

    const auto status = client.ports->GetBaud(&call, request, &response);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::NOT_FOUND, "PORT_NOT_FOUND"));
    EXPECT_THAT(status.error_message(), HasSubstr("\"sim\""));
}

TEST_F(RpcPorts, AnEmptyPortIsInvalidAndNamed) {
    Call call;
    v1::GetFormatResponse response;

    const auto status = client.ports->GetFormat(&call, {}, &response);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
    EXPECT_EQ(refusal_of(status).metadata["field"], "port");
}

TEST_F(RpcPorts, AVeryLongPortNameDoesNotOverflowTheTrailers) {
    Call call;
    v1::GetPortRequest request;
    v1::GetPortResponse response;
    request.set_port(std::string(500'000, 'x'));

    const auto status = client.ports->GetPort(&call, request, &response);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::NOT_FOUND, "PORT_NOT_FOUND"));
}

TEST_F(RpcPorts, SetBaudReachesTheDevice) {
    wait_online("tty");
    v1::SetBaudResponse response;

    ASSERT_TRUE(set_baud("tty", 250'001, response).ok());

    EXPECT_EQ(response.baud(), 250'001U);
    termios2 in_force{};
    ASSERT_EQ(::ioctl(pty.master.get(), TCGETS2, &in_force), 0);
    EXPECT_EQ(in_force.c_ospeed, 250'001U);
    EXPECT_EQ(get_port("tty").baud(), 250'001U);
}

TEST_F(RpcPorts, BaudZeroIsInvalidAlsoWhereTheDeviceIsAway) {
    for (const char* port : {"sim", "gone"}) {
        v1::SetBaudResponse response;

        const auto status = set_baud(port, 0, response);

        EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
        EXPECT_EQ(refusal_of(status).metadata["field"], "baud");
    }
}

TEST_F(RpcPorts, SetFormatKeepsWhatIsNotSpecified) {
    wait_online("sim");
    v1::Format change;
    change.set_parity(v1::PARITY_EVEN);
    v1::SetFormatResponse response;

    ASSERT_TRUE(set_format("sim", change, response).ok());

    EXPECT_EQ(response.format().data_bits(), 8U);
    EXPECT_EQ(response.format().parity(), v1::PARITY_EVEN);
    EXPECT_EQ(response.format().stop_bits(), v1::STOP_BITS_1);
    EXPECT_EQ(response.format().flow_control(), v1::FLOW_CONTROL_NONE);
}

TEST_F(RpcPorts, ABadFormatIsInvalidAndTheFieldIsNamed) {
    const auto refused_field = [&](auto set) {
        v1::Format format;
        set(format);
        v1::SetFormatResponse response;
        const auto status = set_format("sim", format, response);
        EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
        return refusal_of(status).metadata["field"];
    };

    EXPECT_EQ(refused_field([](v1::Format& format) { format.set_data_bits(9); }), "format.data_bits");
    EXPECT_EQ(refused_field([](v1::Format& format) { format.set_data_bits(264); }), "format.data_bits");
    EXPECT_EQ(refused_field([](v1::Format& format) { format.set_parity(static_cast<v1::Parity>(6)); }),
              "format.parity");
    EXPECT_EQ(refused_field([](v1::Format& format) { format.set_stop_bits(static_cast<v1::StopBits>(-1)); }),
              "format.stop_bits");
    EXPECT_EQ(refused_field([](v1::Format& format) { format.set_flow_control(static_cast<v1::FlowControl>(99)); }),
              "format.flow_control");
}

TEST_F(RpcPorts, SetSignalsChangesBothInOneStepAndLeavesTheOther) {
    wait_online("sim");
    v1::SetSignalsResponse response;

    ASSERT_TRUE(set_signals("sim", false, true, response).ok());
    EXPECT_FALSE(response.signals().dtr());
    EXPECT_TRUE(response.signals().rts());

    ASSERT_TRUE(set_signals("sim", true, std::nullopt, response).ok());
    EXPECT_TRUE(response.signals().dtr());
    EXPECT_TRUE(response.signals().rts());

    EXPECT_TRUE(is_refused(set_signals("sim", std::nullopt, std::nullopt, response), grpc::StatusCode::INVALID_ARGUMENT,
                           "INVALID_FIELD"));
}

TEST_F(RpcPorts, WhatTheDeviceCannotDoIsFailedPreconditionWithTheCapability) {
    wait_online("tty");
    v1::SetSignalsResponse response;

    const auto status = set_signals("tty", true, true, response);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::FAILED_PRECONDITION, "UNSUPPORTED"));
    EXPECT_EQ(refusal_of(status).metadata["capability"], "modem_signals");
    EXPECT_EQ(refusal_of(status).metadata["port"], "tty");
}

TEST_F(RpcPorts, ADeviceThatIsAwayIsUnavailableWithTheReason) {
    v1::SetSignalsResponse response;

    const auto status = set_signals("gone", true, true, response);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::UNAVAILABLE, "DEVICE_AWAY"));
    EXPECT_THAT(status.error_message(), HasSubstr("/dev/vserd-no-such-device"));
}

TEST_F(RpcPorts, ABreakIsHeldForItsTimeAndItsLimitsAreChecked) {
    wait_online("sim");
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(send_break("sim", 0, 60'000'000).ok());
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(60));

    for (const auto& [seconds, nanos] : {std::pair{std::int64_t{0}, 999'999},
                                         {5, 1'000'000},
                                         {-1, 0},
                                         {0, -1},
                                         {std::numeric_limits<std::int64_t>::max(), 999'999'999}}) {
        const auto status = send_break("sim", seconds, nanos);
        EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD")) << seconds << " " << nanos;
    }
}

TEST_F(RpcPorts, FlushDiscardsWhatWasAcceptedAndWantsADirection) {
    wait_online("sim");
    v1::SetBaudResponse slow;
    ASSERT_TRUE(set_baud("sim", 300, slow).ok());
    ASSERT_TRUE(write_all(client, "sim", std::string(50'000, 'x')).ok());
    v1::FlushRequest request;
    request.set_port("sim");
    v1::FlushResponse response;

    Call without;
    const auto status = client.ports->Flush(&without, request, &response);
    EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));

    request.set_direction(v1::FLUSH_DIRECTION_OUTPUT);
    Call call;
    ASSERT_TRUE(client.ports->Flush(&call, request, &response).ok());
    EXPECT_GT(response.output_bytes_discarded(), 10'000U);
}

TEST_F(RpcPorts, ABreakWhoseClientIsGoneIsNotSentLater) {
    wait_online("sim");
    v1::SetBaudResponse slow;
    ASSERT_TRUE(set_baud("sim", 300, slow).ok());
    ASSERT_TRUE(write_all(client, "sim", std::string(50'000, 'x')).ok());
    v1::SendBreakRequest request;
    request.set_port("sim");
    Call given_up;
    auto waiting = std::async(std::launch::async, [&] {
        v1::SendBreakResponse response;
        return client.ports->SendBreak(&given_up, request, &response);
    });
    ASSERT_EQ(waiting.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
    given_up.TryCancel();
    EXPECT_EQ(waiting.get().error_code(), grpc::StatusCode::CANCELLED);
    v1::Open open;
    open.set_port("sim");
    open.set_mode(v1::MODE_READ_WRITE);
    open.mutable_from()->set_live(true);
    {
        Console console(client, open);
        v1::AttachResponse opened;
        ASSERT_TRUE(console.read(opened));
        v1::AttachRequest another;
        another.mutable_break_()->mutable_duration()->set_nanos(300'000'000);
        ASSERT_TRUE(console.send(another));
        console.cancel();
    }
    ASSERT_TRUE(eventually([&] { return get_port("sim").readers() == 0; }));
    v1::FlushRequest flush;
    flush.set_port("sim");
    flush.set_direction(v1::FLUSH_DIRECTION_OUTPUT);
    v1::FlushResponse flushed;
    Call call;
    ASSERT_TRUE(client.ports->Flush(&call, flush, &flushed).ok());

    ASSERT_TRUE(send_break("sim", 0, 7'000'000).ok());
    Console reader(client, [&] {
        auto whole = open;
        whole.mutable_from()->set_oldest(true);
        return whole;
    }());
    std::int32_t first_break = 0;
    ASSERT_TRUE(reader.read_event([&](const v1::Event& event) {
        first_break = event.break_().duration().nanos();
        return event.has_break_();
    }));
    EXPECT_EQ(first_break, 7'000'000);
}

TEST_F(RpcPorts, WatchPortsTellsTheStateFirstAndThenEachChange) {
    wait_online("sim");
    Call call;
    v1::WatchPortsRequest request;
    request.add_ports("sim");
    const auto stream = client.ports->WatchPorts(&call, request);
    v1::WatchPortsResponse response;

    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.event().port().name(), "sim");
    EXPECT_FALSE(response.event().has_event());

    v1::SetBaudResponse ignored;
    ASSERT_TRUE(set_baud("sim", 9600, ignored).ok());
    while (stream->Read(&response) && !response.event().event().has_settings()) continue;
    EXPECT_EQ(response.event().event().settings().baud(), 9600U);
    EXPECT_EQ(response.event().port().baud(), 9600U);
    call.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(RpcPorts, WatchPortsOfAnUnknownPortIsNotFound) {
    Call call;
    v1::WatchPortsRequest request;
    request.add_ports("sim");
    request.add_ports("nobody");
    const auto stream = client.ports->WatchPorts(&call, request);
    v1::WatchPortsResponse response;

    EXPECT_FALSE(stream->Read(&response));
    EXPECT_TRUE(is_refused(stream->Finish(), grpc::StatusCode::NOT_FOUND, "PORT_NOT_FOUND"));
}

TEST_F(RpcPorts, HealthKnowsTheServerAndEachPort) {
    wait_online("sim");
    EXPECT_EQ(health(""), "SERVING");
    EXPECT_EQ(health("sim"), "SERVING");
    EXPECT_EQ(health("gone"), "NOT_SERVING");
    EXPECT_EQ(health("nobody"), "code 5");

    pty.master.reset();  // the device goes away
    EXPECT_TRUE(eventually([&] { return health("tty") == "NOT_SERVING"; }));
}

TEST_F(RpcPorts, GetServerInfoTellsVersionEngineAndPorts) {
    wait_online("sim");
    wait_online("tty");
    Call call;
    v1::GetServerInfoResponse response;

    ASSERT_TRUE(client.admin->GetServerInfo(&call, {}, &response).ok());

    EXPECT_EQ(response.version(), VSERD_VERSION);
    EXPECT_FALSE(response.engine().empty());
    EXPECT_EQ(response.ports_up(), 2U);
    EXPECT_EQ(response.ports_total(), 3U);
}

}  // namespace
}  // namespace vserd::rpc_test
