#include "rpc/channelz.hpp"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

namespace vserd::rpc {
namespace {

/// The page size of a reply; further pages follow.
constexpr std::intptr_t sockets_per_page = 500;
/// Listing costs time that grows with the number of sockets.
constexpr std::chrono::milliseconds list_interval{20};

/// A message of channelz as JSON, without spaces; empty if there is no such object.
std::string take(char* json) {
    const std::unique_ptr<char, void (*)(void*)> owned(json, ::gpr_free);
    return json == nullptr ? std::string() : std::string(json);
}

/// The string after `key` in `json`, searched from `at`, which is moved behind it. 64-bit numbers are strings in JSON.
std::optional<std::string_view> next_string(std::string_view json, std::string_view key, std::size_t& at) {
    const std::string quoted = '"' + std::string(key) + "\":\"";
    const std::size_t found = json.find(quoted, at);
    if (found == std::string_view::npos) return std::nullopt;
    const std::size_t begin = found + quoted.size();
    at = json.find('"', begin);
    if (at == std::string_view::npos) return std::nullopt;
    return json.substr(begin, at - begin);
}

template <class Number>
Number to_number(std::string_view text) {
    Number number{};
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// Adds the server's sockets from `first` on to `sockets`. Returns the id of the next page, or nothing after the last.
std::optional<std::intptr_t> list_page(std::intptr_t server, std::intptr_t first,
                                       std::unordered_map<std::string, std::intptr_t>& sockets) {
    const std::string json = take(::grpc_channelz_get_server_sockets(server, first, sockets_per_page));
    std::intptr_t last = first;
    std::size_t at = 0;
    while (const auto name = next_string(json, "name", at)) {
        const auto id = next_string(json, "socketId", at);
        if (!id) break;
        last = to_number<std::intptr_t>(*id);
        sockets.insert_or_assign(std::string(name->substr(name->find(' ') + 1)), last);
    }
    const bool is_all = last == first || json.find("\"end\":true") != std::string::npos;
    return is_all ? std::nullopt : std::optional(last + 1);
}

}  // namespace

void Channelz::list_sockets() {
    sockets_.clear();
    const std::string servers = take(::grpc_channelz_get_servers(0));
    std::size_t at = 0;
    while (const auto id = next_string(servers, "serverId", at)) {
        std::optional<std::intptr_t> first = 0;
        while (first) first = list_page(to_number<std::intptr_t>(*id), *first, sockets_);
    }
}

/// Empty if gRPC does not know the peer, or if that socket has been closed.
std::string Channelz::json_of(const std::string& peer) const {
    const auto socket = sockets_.find(peer);
    return socket == sockets_.end() ? std::string() : take(::grpc_channelz_get_socket(socket->second));
}

/// A name may belong to a new socket: clients reuse their ports.
std::optional<net::StreamCounts> Channelz::streams(const std::string& peer) {
    std::string json = json_of(peer);
    const auto now = std::chrono::steady_clock::now();
    if (json.empty() && now - listed_ >= list_interval) {
        listed_ = now;
        list_sockets();
        json = json_of(peer);
    }
    if (json.empty()) return std::nullopt;
    const auto count = [&json](std::string_view key) {
        std::size_t at = 0;
        const auto value = next_string(json, key, at);  // zero is omitted
        return value ? to_number<std::uint64_t>(*value) : 0;
    };
    return net::StreamCounts{count("streamsStarted"), count("streamsSucceeded"), count("streamsFailed")};
}

}  // namespace vserd::rpc
