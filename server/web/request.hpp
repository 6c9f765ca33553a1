#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vserd::web {

/// ASCII only.
inline std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

/// One HTTP request.
struct Request {
    std::string method = {};                                        ///< "GET"
    std::string path = {};                                          ///< without the query
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< names in lower case
    std::string body = {};
    bool is_upgrade = false;  ///< to a WebSocket

    /// The first of that name.
    std::optional<std::string_view> header(std::string_view name) const {
        const auto found =
            std::ranges::find(headers, name, [](const auto& each) { return std::string_view(each.first); });
        return found == headers.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    }
    std::size_t count(std::string_view name) const {
        return static_cast<std::size_t>(
            std::ranges::count(headers, name, [](const auto& each) { return std::string_view(each.first); }));
    }
};

/// The other end of a connection, and ours.
struct Peer {
    std::string address = {};     ///< "192.0.2.1:4711"
    std::string local_host = {};  ///< the address that it connected to, as in a Host header: "127.0.0.1", "[::1]"
    bool is_local = false;        ///< on this machine
    bool is_tls = false;
    std::string certificate = {};  ///< in PEM, verified; empty: none
};

}  // namespace vserd::web
