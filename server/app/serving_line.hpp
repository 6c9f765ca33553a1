#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/front_end.hpp"

namespace vserd {

/// The line on standard output that says where clients can connect. Tools wait for it. `grpc` comes first and is one of
/// `front_ends`.
std::string serving_line(std::size_t ports, const std::vector<std::unique_ptr<net::FrontEnd>>& front_ends,
                         const net::FrontEnd& grpc, std::string_view engine);

/// Commands to try with --demo, whose gRPC server has this address. `page`: empty, or where the page is.
std::string advice(const std::string& address, bool telnet, const std::string& page);

}  // namespace vserd
