#pragma once

#include <string>

#include "io/result.hpp"
#include "rpc/server.hpp"

namespace vserd::rpc {

/// What the files of [server.tls] hold, in PEM.
struct TlsPems {
    std::string certificate;
    std::string key;
    std::string client_ca;  ///< empty: clients need no certificate
};

/// Reads them and sees that they fit each other: gRPC would only fail each handshake, without a word.
Result<TlsPems> load_tls(const TlsFiles& files);

}  // namespace vserd::rpc
