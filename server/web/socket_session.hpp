#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>

#include "web/connection.hpp"
#include "web/site.hpp"
#include "web/stream.hpp"

namespace vserd::web {

/// Accepts the WebSocket that `request` wants, and carries one streaming call over it.
std::shared_ptr<Connection> make_socket_session(std::unique_ptr<Stream> stream,
                                                boost::beast::http::request<boost::beast::http::string_body> request,
                                                Site::Socket socket, Site& site, Registry& registry);

}  // namespace vserd::web
