#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vserd::web {

/// One HTTP response.
struct Response {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};
    std::string_view fixed_body = {};  ///< instead of `body`: bytes that stay as long as the process

    std::string_view content() const noexcept { return body.empty() ? fixed_body : std::string_view(body); }
};

/// A sentence as plain text.
Response plain(unsigned status, std::string text);
/// 405. `allowed`: "GET, HEAD".
Response method_not_allowed(const std::string& allowed);

/// The status line and all headers, with those that keep browsers from misusing the page.
std::string head_of(const Response& response, bool keep_alive);
/// "Not Found"
std::string_view reason_of(unsigned status) noexcept;

}  // namespace vserd::web
