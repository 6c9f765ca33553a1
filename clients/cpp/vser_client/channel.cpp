#include "vser_client/channel.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace vser::client {
namespace {

Result<std::string> read_file(const std::string& path) {
    if (path.empty()) return std::string();
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();  // iterators over the buffer would throw if reading fails
    const std::string text = content.str();
    if (file && !text.empty()) return text;
    return Error{.code = Code::invalid_argument,
                 .message = "cannot read the TLS file " + path +
                            (text.empty() && file ? ": it is empty" : std::string(": ") + std::strerror(errno)),
                 .reason = "TLS_FILE",
                 .metadata = {{"path", path}}};
}

Result<std::shared_ptr<grpc::ChannelCredentials>> make_credentials(const ConnectOptions& options) {
    if (!options.tls) return grpc::InsecureChannelCredentials();
    grpc::SslCredentialsOptions ssl;
    struct Source {
        const std::string& path;
        std::string& text;
    };
    for (const auto& source :
         {Source{options.tls_ca_file, ssl.pem_root_certs}, Source{options.tls_certificate_file, ssl.pem_cert_chain},
          Source{options.tls_key_file, ssl.pem_private_key}}) {
        auto text = read_file(source.path);
        if (!text) return std::move(text).error();
        source.text = *text;
    }
    return grpc::SslCredentials(ssl);
}

}  // namespace

std::string with_default_port(const std::string& address) {
    const bool is_path = address.starts_with("unix:") || address.starts_with("unix-abstract:");
    const auto host_end = address.starts_with('[') ? address.find(']') : 0;
    const bool is_uri = address.find('/') != std::string::npos;  // a gRPC URI such as dns:///host
    if (is_path || is_uri || host_end == std::string::npos || address.find(':', host_end) != std::string::npos)
        return address;
    return address + ":50051";
}

Result<std::shared_ptr<grpc::Channel>> make_channel(const std::string& address, const ConnectOptions& options) {
    auto credentials = make_credentials(options);
    if (!credentials) return std::move(credentials).error();

    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // one connection for each client, not one for the process
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);  // this is the time limit of one attempt
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
    // Do not use web proxies: few of them keep a stream open for days.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a quiet console is the normal case
    return grpc::CreateCustomChannel(with_default_port(address), *credentials, arguments);
}

}  // namespace vser::client
