#pragma once

#include <chrono>

#include "vser/v1/admin_service.pb.h"
#include "vser/v1/port_service.pb.h"
#include "vser/v1/session_service.pb.h"
#include "vser/v1/types.pb.h"
#include "vser_client/types.hpp"

/// Converts between the messages of vser.v1 and the values of this library.
namespace vser::client {

Time from_proto(const google::protobuf::Timestamp& time);
std::chrono::nanoseconds from_proto(const google::protobuf::Duration& duration);
Format from_proto(const v1::Format& format);
Signals from_proto(const v1::Signals& signals);
Port from_proto(const v1::Port& port);
Data from_proto(v1::Data&& data);  // moves the bytes
Gap from_proto(const v1::Gap& gap);
Event from_proto(const v1::Event& event);
PortEvent from_proto(const v1::PortEvent& event);
ServerInfo from_proto(const v1::GetServerInfoResponse& info);
std::vector<Session> from_proto(const v1::ListSessionsResponse& response);

void to_proto(std::chrono::milliseconds duration, google::protobuf::Duration& out);
void to_proto(const Format& format, v1::Format& out);
void to_proto(Time time, google::protobuf::Timestamp& out);
void to_proto(const StartPoint& from, v1::StartPoint& out);
void to_proto(const EndPoint& until, v1::EndPoint& out);

}  // namespace vser::client
