#pragma once

#include <jansson.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// JSON by jansson. Private to this folder.
namespace vserd::access {

struct FreeJson {
    void operator()(json_t* value) const noexcept { ::json_decref(value); }
};
using Json = std::unique_ptr<json_t, FreeJson>;

/// Null if the text is not a JSON object, or has a key twice: two readers might take different ones.
inline Json parse_json_object(std::string_view text, json_error_t* error = nullptr) {
    Json value(::json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, error));
    return json_is_object(value.get()) ? std::move(value) : nullptr;
}

inline std::optional<std::string> json_text(const json_t* value) {
    if (!json_is_string(value)) return std::nullopt;
    return std::string(::json_string_value(value), ::json_string_length(value));
}
inline std::optional<std::string> json_text(const Json& object, const char* key) {
    return json_text(::json_object_get(object.get(), key));
}

}  // namespace vserd::access
