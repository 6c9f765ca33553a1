#include "rpc/passes.hpp"

#include <utility>

#include "base/random.hpp"

namespace vserd::rpc {
namespace {

constexpr int pass_words = 4;

}  // namespace

/// Every connection has a security type, at least "insecure"; the in-process channel has none.
bool is_local_call(const grpc::ServerContextBase& context) {
    return context.auth_context()->FindPropertyValues("transport_security_type").empty();
}

Passes::Pass::~Pass() {
    const std::lock_guard lock(passes_.mutex_);
    passes_.clients_.erase(text_);
}

std::unique_ptr<Passes::Pass> Passes::issue(hub::Client client) {
    std::string text = base::random_hex(pass_words);
    const std::lock_guard lock(mutex_);
    clients_.insert_or_assign(text, std::move(client));
    return std::make_unique<Pass>(*this, std::move(text));
}

std::optional<hub::Client> Passes::redeem(const grpc::ServerContextBase& context) {
    const auto& metadata = context.client_metadata();
    const auto found = metadata.find(key);
    if (found == metadata.end() || !is_local_call(context)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    auto client = clients_.extract(std::string(found->second.data(), found->second.size()));
    if (client.empty()) return std::nullopt;
    return std::move(client.mapped());
}

}  // namespace vserd::rpc
