#include "vser_client/channel.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "vser_client/bearer_token.hpp"

namespace vser::client {
namespace {

/// RFC 6750.
constexpr const char* token_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

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

bool is_unix(const std::string& address) {
    return address.starts_with("unix:") || address.starts_with("unix-abstract:");
}

/// Others could read a token on the network.
std::optional<Error> token_problem(const std::string& address, const ConnectOptions& options) {
    if (options.token.empty()) return std::nullopt;
    if (options.token.find_first_not_of(token_characters) != std::string::npos) {
        return Error{.code = Code::invalid_argument,
                     .message = "the token has characters that no bearer token has; is it the right file?",
                     .reason = "TOKEN"};
    }
    if (options.tls || is_unix(address)) return std::nullopt;
    return Error{.code = Code::invalid_argument,
                 .message = "the token is not sent to " + address +
                            " without encryption; connect with TLS, or over a Unix socket",
                 .reason = "TOKEN_NEEDS_TLS"};
}

}  // namespace

std::string with_default_port(const std::string& address) {
    const auto host_end = address.starts_with('[') ? address.find(']') : 0;
    const bool is_uri = address.find('/') != std::string::npos;  // a gRPC URI such as dns:///host
    if (is_unix(address) || is_uri || host_end == std::string::npos || address.find(':', host_end) != std::string::npos)
        return address;
    return address + ":50051";
}

Result<std::shared_ptr<grpc::Channel>> make_channel(const std::string& address, const ConnectOptions& options) {
    if (auto problem = token_problem(address, options)) return *std::move(problem);
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
    if (!options.tls_name.empty()) arguments.SetSslTargetNameOverride(options.tls_name);
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
    if (!options.token.empty()) interceptors.push_back(std::make_unique<BearerToken>(options.token));
    return grpc::experimental::CreateCustomChannelWithInterceptors(with_default_port(address), *credentials, arguments,
                                                                   std::move(interceptors));
}

}  // namespace vser::client
