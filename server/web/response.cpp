#include "web/response.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace vserd::web {
namespace {

struct Status {
    unsigned number;
    std::string_view reason;
};

constexpr std::array statuses{Status{200, "OK"},
                              Status{304, "Not Modified"},
                              Status{400, "Bad Request"},
                              Status{401, "Unauthorized"},
                              Status{403, "Forbidden"},
                              Status{404, "Not Found"},
                              Status{405, "Method Not Allowed"},
                              Status{408, "Request Timeout"},
                              Status{409, "Conflict"},
                              Status{413, "Content Too Large"},
                              Status{415, "Unsupported Media Type"},
                              Status{421, "Misdirected Request"},
                              Status{426, "Upgrade Required"},
                              Status{429, "Too Many Requests"},
                              Status{431, "Request Header Fields Too Large"},
                              Status{499, "Client Closed Request"},
                              Status{500, "Internal Server Error"},
                              Status{501, "Not Implemented"},
                              Status{503, "Service Unavailable"},
                              Status{504, "Gateway Timeout"}};

/// Everything comes from this server, nothing is inline, and no other page may show or embed it.
constexpr std::string_view security_headers =
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

}  // namespace

std::string_view reason_of(unsigned status) noexcept {
    const auto* const found = std::ranges::find(statuses, status, &Status::number);
    return found == statuses.end() ? std::string_view("Unknown") : found->reason;
}

Response plain(unsigned status, std::string text) {
    text += '\n';
    return {.status = status, .body = std::move(text)};
}

Response method_not_allowed(const std::string& allowed) {
    Response response = plain(405, fmt::format("use {} here", allowed));
    response.headers.emplace_back("Allow", allowed);
    return response;
}

std::string head_of(const Response& response, bool keep_alive) {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
    if (response.status != 304) {
        head +=
            fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type, response.content().size());
    }
    bool has_cache_control = false;
    for (const auto& [name, value] : response.headers) {
        head += fmt::format("{}: {}\r\n", name, value);
        has_cache_control = has_cache_control || name == "Cache-Control";
    }
    if (!has_cache_control) head += "Cache-Control: no-store\r\n";
    head += security_headers;
    head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    return head;
}

}  // namespace vserd::web
