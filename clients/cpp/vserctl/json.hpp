#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vser_client/console.hpp"
#include "vser_client/types.hpp"

/// JSON with the field and value names of vser/v1/*.proto; numbers are numbers, times RFC 3339 in UTC.
namespace vserctl {

/// Builds one object, field by field.
class JsonObject {
public:
    JsonObject& field(std::string_view key, std::string_view value);
    JsonObject& field(std::string_view key, const char* value) { return field(key, std::string_view(value)); }
    JsonObject& field(std::string_view key, const std::string& value) { return field(key, std::string_view(value)); }
    JsonObject& field(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
    JsonObject& field(std::string_view key, std::same_as<bool> auto value) {
        return raw(key, value ? "true" : "false");
    }
    JsonObject& field(std::string_view key, const JsonObject& value) { return raw(key, value.text()); }
    JsonObject& field(std::string_view key, const std::vector<JsonObject>& values);
    JsonObject& field(std::string_view key, const std::vector<std::string>& values);
    /// "{...}" on one line.
    std::string text() const { return "{" + fields_ + "}"; }

private:
    JsonObject& raw(std::string_view key, std::string_view value);

    std::string fields_;
};

/// A quoted string; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
std::string base64(std::string_view bytes);
std::string rfc3339(vser::client::Time time);

JsonObject to_json(const vser::client::Port& port);
JsonObject to_json(const vser::client::Format& format);
JsonObject to_json(const vser::client::Signals& signals);
JsonObject to_json(const vser::client::ServerInfo& info);
JsonObject to_json(const vser::client::PortEvent& event);
JsonObject to_json(const vser::client::Event& event);
JsonObject to_json(const vser::client::Gap& gap);
JsonObject to_json(const vser::client::Error& error);
/// {"disconnected": {...}} and so on. Not for Data.
JsonObject to_json_item(const vser::client::ConsoleItem& item);

}  // namespace vserctl
