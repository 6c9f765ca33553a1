#pragma once

#include <chrono>
#include <string_view>

#include "hub/port_handle.hpp"
#include "line/settings.hpp"
#include "vser/v1/console_service.pb.h"
#include "vser/v1/port_service.pb.h"
#include "vser/v1/types.pb.h"

namespace vserd::rpc {

namespace v1 = ::vser::v1;

/// Values to messages. Functions that read a Channel must be called on the io thread.
void to_proto(const line::Format& format, v1::Format& message);
void to_proto(const line::Signals& signals, v1::Signals& message);
void to_proto(const log::EventItem& item, v1::Event& message);
void to_proto(const log::GapItem& item, v1::Gap& message);
void to_proto(const hub::Channel& channel, v1::Port& message);
/// The same as one client sees it.
void to_proto(const hub::Channel& channel, access::Role role, v1::Port& message);
v1::Role to_proto(access::Role role);
void to_proto(log::WallTime time, google::protobuf::Timestamp& message);

/// Messages to values. `field` is the path of the message in the request; Failure::invalid_argument names the field with it.
Result<hub::StartPoint> start_point(const v1::StartPoint& message, std::string_view field);
Result<log::WallTime> wall_time(const google::protobuf::Timestamp& message, std::string_view field);
/// Not negative.
Result<std::chrono::nanoseconds> age_of(const google::protobuf::Duration& message, std::string_view field);
Result<line::SettingsChange> settings_change(const v1::Format& message);
Result<line::FlushDirection> flush_direction(v1::FlushDirection direction);
/// If it is unset, 250 ms.
Result<std::chrono::milliseconds> break_duration(bool is_set, const google::protobuf::Duration& message);
/// Whether the client requests text.
Result<bool> wants_text(v1::Encoding encoding);
/// The client's name as shown to other clients; `fallback` if the client gave none.
Result<std::string> client_name(const std::string& name, const std::string& fallback);
/// The reason for a lease, as shown to other clients.
Result<std::string> lease_reason(const std::string& reason);

}  // namespace vserd::rpc
