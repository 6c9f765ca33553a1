#pragma once

#include <string>
#include <string_view>

#include "io/result.hpp"

namespace vserd::rpc {

/// Whether only programs on this machine can reach the address: "127.0.0.1:50051", "[::1]:0", "localhost:50051",
/// "unix:/PATH". A name that would have to be resolved counts as remote.
bool is_local(std::string_view address);

/// Whether the address is a Unix socket's ("unix:/PATH"); then its path.
bool is_unix(std::string_view address);
std::string unix_path(std::string_view address);

/// Before gRPC listens on a Unix socket, which it takes over from whoever has it: fails if somebody answers there, or if
/// the path is not a socket's. A socket that nobody serves is left for gRPC to replace.
Result<void> check_unix_socket(const std::string& path);

/// Why an address could not be listened on, with what to do: found by trying again, since gRPC does not tell.
Error diagnose_listen_failure(const std::string& address);

}  // namespace vserd::rpc
