#include "harness/grpc_channel.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <fstream>
#include <iterator>

namespace vserd::bench {

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const vser::client::ConnectOptions& options) {
    if (!options.tls) return grpc::InsecureChannelCredentials();
    grpc::SslCredentialsOptions files;
    files.pem_root_certs = text_of(options.tls_ca_file);
    if (!options.tls_certificate_file.empty()) files.pem_cert_chain = text_of(options.tls_certificate_file);
    if (!options.tls_key_file.empty()) files.pem_private_key = text_of(options.tls_key_file);
    return grpc::SslCredentials(files);
}

}  // namespace

std::shared_ptr<grpc::Channel> own_channel(const std::string& address, const vser::client::ConnectOptions& options) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(address, credentials(options), arguments);
}

}  // namespace vserd::bench
