#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vser_client/client.hpp"

namespace vserctl {

/// The server that has a port now. In a fleet a port can move to another one; the console that follows it says so here. Copies
/// are the same owner. Every method may be called from any thread.
class Owner {
public:
    using Find = std::function<vser::client::Result<vser::client::Client>()>;

    explicit Owner(vser::client::Client client);

    vser::client::Client client() const;
    /// As vserctl's --server takes it.
    std::string address() const;
    /// `find`, which also changes the owner to what it finds. Null if `find` is null.
    Find follow(Find find) const;

private:
    struct State;

    std::shared_ptr<State> state_;  // shared with the copies, and with the console that follows
};

}  // namespace vserctl
