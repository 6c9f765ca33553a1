#include "rpc/status.hpp"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "rpc/counters.hpp"
#include "rpc/deadline.hpp"
#include "rpc/server.hpp"

namespace vserd::rpc {
namespace {

google::rpc::ErrorInfo info_of(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    EXPECT_EQ(details.code(), status.error_code());
    EXPECT_EQ(details.message(), status.error_message());
    EXPECT_TRUE(details.details_size() == 1 && details.details(0).UnpackTo(&info));
    EXPECT_EQ(info.domain(), "vserd");
    return info;
}

std::string& library_log() {
    static std::string text;
    return text;
}

TEST(RouteGrpcLog, TakesWhatProtobufWouldWriteToStandardError) {
    route_grpc_log([](GrpcSeverity /*severity*/, const char* message) { library_log() += message; });
    google::rpc::ErrorInfo info;
    testing::internal::CaptureStderr();

    EXPECT_FALSE(info.ParseFromString("\x0A\x02\xC3("));  // reason, two bytes that are not UTF-8

    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_NE(library_log().find("protobuf: "), std::string::npos);
    EXPECT_NE(library_log().find("UTF-8"), std::string::npos) << library_log();
}

TEST(RpcStatus, EachFailureHasItsCodeAndReason) {
    const struct {
        Failure failure;
        grpc::StatusCode code;
        const char* reason;
    } table[] = {
        {Failure::invalid_argument, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"},
        {Failure::not_found, grpc::StatusCode::NOT_FOUND, "PORT_NOT_FOUND"},
        {Failure::unsupported, grpc::StatusCode::FAILED_PRECONDITION, "UNSUPPORTED"},
        {Failure::unavailable, grpc::StatusCode::UNAVAILABLE, "DEVICE_AWAY"},
        {Failure::out_of_range, grpc::StatusCode::OUT_OF_RANGE, "OFFSET_NOT_REACHED"},
        {Failure::refused, grpc::StatusCode::FAILED_PRECONDITION, "PORT_HELD"},
        {Failure::exhausted, grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_REACHED"},
        {Failure::timed_out, grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE"},
    };
    for (const auto& row : table) {
        const auto status = to_status({row.failure, 0, "it", "a sentence"});
        EXPECT_EQ(status.error_code(), row.code);
        EXPECT_EQ(status.error_message(), "a sentence");
        EXPECT_EQ(info_of(status).reason(), row.reason);
    }
    EXPECT_EQ(info_of(to_status(going_down())).reason(), "SERVER_GOING_DOWN");
    EXPECT_EQ(info_of(to_status(port_removed("p"))).reason(), "PORT_REMOVED");
}

TEST(RpcStatus, AnErrnoChoosesTheCodeAndIsNamed) {
    const struct {
        int errno_value;
        grpc::StatusCode code;
        const char* name;
    } table[] = {
        {EINVAL, grpc::StatusCode::INVALID_ARGUMENT, "EINVAL"},
        {EIO, grpc::StatusCode::UNAVAILABLE, "EIO"},
        {ENOTTY, grpc::StatusCode::FAILED_PRECONDITION, "ENOTTY"},
        {EBUSY, grpc::StatusCode::FAILED_PRECONDITION, "EBUSY"},
        {EACCES, grpc::StatusCode::PERMISSION_DENIED, "EACCES"},
        {EMFILE, grpc::StatusCode::RESOURCE_EXHAUSTED, "EMFILE"},
        {ELOOP, grpc::StatusCode::INTERNAL, "ELOOP"},
    };
    for (const auto& row : table) {
        const auto status = to_status({Failure::io, row.errno_value, "", "x"}, {.port = "vser0"});
        EXPECT_EQ(status.error_code(), row.code) << row.name;
        EXPECT_EQ(info_of(status).metadata().at("errno"), row.name);
        EXPECT_EQ(info_of(status).metadata().at("port"), "vser0");
    }
}

TEST(RpcStatus, WhatAProgramBranchesOnIsInTheMetadata) {
    const auto status = to_status({Failure::timed_out, 0, "", "x"}, {.port = "p", .bytes_taken = 42});

    EXPECT_EQ(info_of(status).metadata().at("bytes_taken"), "42");
    EXPECT_EQ(info_of(to_status({Failure::invalid_argument, 0, "baud", "x"})).metadata().at("field"), "baud");
    EXPECT_EQ(info_of(to_status({Failure::refused, 0, "alice", "x"})).metadata().at("holder"), "alice");
    EXPECT_EQ(info_of(to_status({Failure::out_of_range, 0, "from.offset", "x"}, {.head = 7})).metadata().at("head"),
              "7");
}

TEST(RpcStatus, LongTextsAreCutBetweenCharacters) {
    std::string message(1023, 'a');
    message += "\xC3\xA9 and so on";

    const auto status = to_status({Failure::not_found, 0, std::string(5000, 'p'), message});

    EXPECT_EQ(status.error_message(), std::string(1023, 'a') + "...");
    EXPECT_LT(status.error_details().size(), 4096U);
}

TEST(RpcCounters, CountByMethodAndCode) {
    RpcCounters counters;
    counters.count(Method::attach, 0);
    counters.count(Method::attach, 0);
    counters.count(Method::get_server_info, 5);
    counters.count(Method::list_ports, 1234);

    const auto entries = counters.snapshot();

    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].method, "vser.v1.PortService/ListPorts");
    EXPECT_EQ(entries[0].code, "UNKNOWN");
    EXPECT_EQ(entries[1].method, "vser.v1.ConsoleService/Attach");
    EXPECT_EQ(entries[1].code, "OK");
    EXPECT_EQ(entries[1].count, 2U);
    EXPECT_EQ(entries[2].code, "NOT_FOUND");
}

TEST(AnswerBy, IsALittleBeforeTheDeadline) {
    using std::chrono::milliseconds;
    using Steady = std::chrono::steady_clock;
    // However long the machine takes between two looks at its clocks.
    const auto expect = [](milliseconds left, milliseconds answered_after) {
        const auto before = Steady::now();
        const auto moment = answer_by(std::chrono::system_clock::now() + left);
        const auto slack = milliseconds(3) + (Steady::now() - before);
        EXPECT_GE(moment, before + answered_after - slack) << left.count();
        EXPECT_LE(moment, before + answered_after + slack) << left.count();
    };

    expect(milliseconds(100), milliseconds(75));
    expect(milliseconds(2'000), milliseconds(1'750));
    expect(milliseconds(10'000), milliseconds(9'750));
    expect(milliseconds(101'000), milliseconds(98'980));  // which gRPC may have made of 100.1 s
    const auto at_once = answer_by(std::chrono::system_clock::now() - milliseconds(500));
    EXPECT_LE(at_once, Steady::now());
    EXPECT_GT(answer_by(std::chrono::system_clock::time_point::max()), Steady::now() + std::chrono::hours(24));
}

}  // namespace
}  // namespace vserd::rpc
