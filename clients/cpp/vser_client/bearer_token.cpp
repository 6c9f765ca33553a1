#include "vser_client/bearer_token.hpp"

namespace vser::client {
namespace {

class AddToken final : public grpc::experimental::Interceptor {
public:
    /// `value` outlives this: it belongs to the channel.
    explicit AddToken(const std::string& value) : value_(value) {}

    void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
        using grpc::experimental::InterceptionHookPoints;
        if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
            methods->GetSendInitialMetadata()->emplace("authorization", value_);
        }
        methods->Proceed();
    }

private:
    const std::string& value_;
};

}  // namespace

grpc::experimental::Interceptor* BearerToken::CreateClientInterceptor(grpc::experimental::ClientRpcInfo* /*info*/) {
    return new AddToken(value_);  // gRPC deletes it
}

}  // namespace vser::client
