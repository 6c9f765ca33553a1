#include "web/assets.hpp"

#include <algorithm>
#include <string>

namespace vserd::web {
namespace {

/// Vite puts a hash of the contents into the names of these.
constexpr std::string_view hashed_prefix = "/assets/";

}  // namespace

const Asset* find_asset(std::string_view path) {
    if (path == "/index.html") path = "/";
    const auto all = assets();
    const auto found = std::ranges::find(all, path, &Asset::path);
    return found == all.end() ? nullptr : &*found;
}

Response asset_response(const Asset& asset, const Request& request) {
    Response response{.content_type = std::string(asset.type)};
    response.headers = {{"ETag", std::string(asset.etag)}, {"Vary", "Accept-Encoding"}};
    const bool is_hashed = asset.path.starts_with(hashed_prefix);
    response.headers.emplace_back("Cache-Control", is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (request.header("if-none-match").value_or("").find(asset.etag) != std::string_view::npos) {
        response.status = 304;
        return response;
    }
    const bool takes_gzip = request.header("accept-encoding").value_or("").find("gzip") != std::string_view::npos;
    if (takes_gzip) response.headers.emplace_back("Content-Encoding", "gzip");
    response.fixed_body = takes_gzip ? asset.gzip : asset.bytes;
    return response;
}

}  // namespace vserd::web
