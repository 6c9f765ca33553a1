#include "fleet/connection.hpp"

#include <fmt/core.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string_view>
#include <utility>

#include "base/regular_file.hpp"
#include "base/text.hpp"

namespace vserd::fleet {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20;
constexpr int message_bytes_max = 16 << 20;
constexpr std::size_t reason_bytes_max = 300;
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

std::string named(const EtcdSettings& settings, std::string_view key) {
    return settings.wording.option(key) + std::string(settings.wording.place);
}

Result<std::string> read_file(const std::string& path, const char* key, const EtcdSettings& settings) {
    auto file = base::read_regular_file(path, file_bytes_max);
    if (file) return std::move(file->text);
    return Error{Failure::invalid_argument, file.error().errno_value, key,
                 fmt::format("{}: {} {}", named(settings, key), path, file.error().message)};
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const EtcdSettings& settings,
                                                                 const Endpoint& endpoint) {
    if (!endpoint.tls) return grpc::InsecureChannelCredentials();
    grpc::SslCredentialsOptions ssl;
    const auto authorities =
        read_file(settings.ca_file.empty() ? system_authorities : settings.ca_file, "ca", settings);
    if (!authorities) return authorities.error();
    ssl.pem_root_certs = *authorities;
    if (!settings.certificate_file.empty()) {
        const auto certificate = read_file(settings.certificate_file, "cert", settings);
        if (!certificate) return certificate.error();
        const auto key = read_file(settings.key_file, "key", settings);
        if (!key) return key.error();
        ssl.pem_cert_chain = *certificate;
        ssl.pem_private_key = *key;
    }
    return grpc::SslCredentials(ssl);
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool is_about_tls(std::string_view message) {
    return contains(message, "andshake") || contains(message, "SSL_") || contains(message, "ertificate") ||
           contains(message, "Peer name");
}

Error error_of(Failure failure, const char* subject, std::string message) {
    return {failure, 0, subject, std::move(message)};
}

Error rejected_argument(const std::string& why, const Endpoint& endpoint, const EtcdSettings& settings) {
    const bool has_user = !settings.user.empty();
    if (contains(why, "auth store is old") || (has_user && contains(why, "user name is empty")))
        return error_of(Failure::unauthenticated, "token", why);
    if (contains(why, "user name is empty"))
        return error_of(Failure::denied, "user",
                        fmt::format("etcd asks for a user; set {} and {}, or show a certificate whose common name is "
                                    "the user",
                                    settings.wording.option("user"), named(settings, "password_file")));
    if (contains(why, "authentication failed"))
        return error_of(Failure::denied, "password",
                        fmt::format("etcd rejects the password of the user '{}'; check {} and {}", settings.user,
                                    settings.wording.option("user"), named(settings, "password_file")));
    return error_of(Failure::io, "etcd", fmt::format("etcd at {} rejects a request: {}", endpoint.url, why));
}

/// What may be missing when a member closes the connection before it has answered anything.
std::string hint_of(const Endpoint& endpoint, const EtcdSettings& settings) {
    if (endpoint.tls)
        return fmt::format(" (does it ask for a certificate? set {} and {})", settings.wording.option("cert"),
                           named(settings, "key"));
    return fmt::format(" (does it ask for TLS? write \"{}\")", settings.wording.tls_url);
}

Error unreachable(const std::string& why, const Endpoint& endpoint, const EtcdSettings& settings) {
    if (is_about_tls(why))
        return error_of(Failure::unavailable, "tls",
                        fmt::format("TLS with etcd at {} fails; check {}, {} and {}: {}", endpoint.url,
                                    settings.wording.option("ca"), settings.wording.option("cert"),
                                    named(settings, "tls_name"), why));
    const bool closed = contains(why, "Endpoint read failed") ||
                        contains(why, "failed to connect to all addresses; last error: UNAVAILABLE");
    return error_of(Failure::unavailable, "unreachable",
                    fmt::format("etcd cannot be reached at {}: {}{}", endpoint.url, why,
                                closed ? hint_of(endpoint, settings) : std::string()));
}

}  // namespace

Result<std::shared_ptr<Connection>> open_connection(const EtcdSettings& settings, const Endpoint& endpoint) {
    auto credentials = credentials_of(settings, endpoint);
    if (!credentials) return credentials.error();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // A new connection at each attempt: the link decides when to try again.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(message_bytes_max);
    if (endpoint.tls && !settings.tls_name.empty()) arguments.SetSslTargetNameOverride(settings.tls_name);
    auto connection = std::make_shared<Connection>();
    connection->endpoint = endpoint;
    connection->channel = grpc::CreateCustomChannel(endpoint.address, *credentials, arguments);
    connection->kv = etcdserverpb::KV::NewStub(connection->channel);
    connection->watch = etcdserverpb::Watch::NewStub(connection->channel);
    connection->lease = etcdserverpb::Lease::NewStub(connection->channel);
    connection->auth = etcdserverpb::Auth::NewStub(connection->channel);
    return connection;
}

Result<std::string> read_password(const EtcdSettings& settings) {
    auto password = read_file(settings.password_file, "password_file", settings);
    if (!password) return password;
    while (password->ends_with('\n') || password->ends_with('\r')) password->pop_back();
    if (!password->empty()) return password;
    return Error{Failure::invalid_argument, 0, "password_file",
                 fmt::format("{}: {} is empty", named(settings, "password_file"), settings.password_file)};
}

Result<void> check_files(const EtcdSettings& settings) {
    for (const Endpoint& endpoint : settings.endpoints)
        if (const auto credentials = credentials_of(settings, endpoint); !credentials) return credentials.error();
    if (settings.user.empty()) return {};
    const auto password = read_password(settings);
    return password ? Result<void>{} : password.error();
}

Error to_error(const grpc::Status& status, const Endpoint& endpoint, const EtcdSettings& settings) {
    const std::string why = base::printable_text(status.error_message().substr(0, reason_bytes_max));
    switch (status.error_code()) {
        case grpc::StatusCode::DEADLINE_EXCEEDED:
            return error_of(Failure::timed_out, "unreachable",
                            fmt::format("etcd at {} does not answer in time", endpoint.url));
        case grpc::StatusCode::UNAVAILABLE:
        case grpc::StatusCode::CANCELLED: return unreachable(why, endpoint, settings);
        case grpc::StatusCode::UNAUTHENTICATED: return error_of(Failure::unauthenticated, "token", why);
        case grpc::StatusCode::INVALID_ARGUMENT: return rejected_argument(why, endpoint, settings);
        case grpc::StatusCode::PERMISSION_DENIED:
            return error_of(
                Failure::denied, "role",
                fmt::format("etcd does not let {} use the keys below {}; grant the user a role with {} on the "
                            "prefix",
                            settings.user.empty() ? "us" : fmt::format("the user '{}'", settings.user),
                            settings.wording.option("prefix"), settings.wording.rights));
        case grpc::StatusCode::FAILED_PRECONDITION:
            return error_of(Failure::unsupported, "etcd", fmt::format("etcd at {}: {}", endpoint.url, why));
        case grpc::StatusCode::NOT_FOUND: return error_of(Failure::not_found, "lease", why);
        case grpc::StatusCode::OUT_OF_RANGE: return error_of(Failure::out_of_range, "revision", why);
        case grpc::StatusCode::RESOURCE_EXHAUSTED:
            return error_of(Failure::exhausted, "etcd", fmt::format("etcd at {}: {}", endpoint.url, why));
        default:
            return error_of(Failure::io, "etcd",
                            fmt::format("{} does not answer as etcd 3.4 or later does: {}", endpoint.url, why));
    }
}

}  // namespace vserd::fleet
