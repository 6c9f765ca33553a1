#include "rpc/unix_peers.hpp"

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "net/unix_peer.hpp"
#include "rpc/caller.hpp"

namespace vserd::rpc {

/// Adds the names of one peer to the AuthContext of its connections, at their first call.
class UnixPeers::Peer final : public grpc::AuthMetadataProcessor {
public:
    void set_names(std::vector<std::string> names) {
        const std::lock_guard lock(mutex_);
        names_ = std::move(names);
    }

    bool IsBlocking() const override { return false; }

    grpc::Status Process(const InputMetadata& /*metadata*/, grpc::AuthContext* connection, OutputMetadata* /*consumed*/,
                         OutputMetadata* /*response*/) override {
        // Calls of one connection share its context, so only the first may change it.
        const std::lock_guard lock(mutex_);
        if (!connection->FindPropertyValues(unix_peer_property).empty()) return grpc::Status::OK;
        for (const std::string& name : names_) connection->AddProperty(unix_peer_property, name);
        return grpc::Status::OK;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> names_;  ///< guarded by mutex_
};

UnixPeers::UnixPeers(grpc::ServerBuilder& builder) {
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    for (Slot& slot : slots_) {
        slot.peer = std::make_shared<Peer>();
        const auto credentials = grpc::experimental::LocalServerCredentials(UDS);
        credentials->SetAuthMetadataProcessor(slot.peer);
        slot.acceptor = builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials);
    }
    anonymous_ = builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD,
                                                                      grpc::experimental::LocalServerCredentials(UDS));
}

UnixPeers::~UnixPeers() = default;

void UnixPeers::accept(int listener, base::Fd connection, const access::Policy& policy) {
    Slot* const slot = slot_of(net::unix_peer_names(connection.get()), policy);
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = listener;
    parameters.fd = connection.release();
    (slot != nullptr ? *slot->acceptor : *anonymous_).HandleNewConnection(&parameters);
}

UnixPeers::Slot* UnixPeers::slot_of(std::vector<std::string> names, const access::Policy& policy) {
    if (names.empty() || !policy.knows({.names = names})) return nullptr;
    // Rules may come with a reload, and their users must find room then.
    const auto end = policy.is_enforced() ? slots_.end() : slots_.begin() + peers_max / 2;
    const auto slot =
        std::find_if(slots_.begin(), end, [&](const Slot& each) { return each.names.empty() || each.names == names; });
    if (slot == end) {
        if (policy.is_enforced()) refused_.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
    }
    if (slot->names.empty()) {
        slot->peer->set_names(names);
        slot->names = std::move(names);
    }
    return &*slot;
}

}  // namespace vserd::rpc
