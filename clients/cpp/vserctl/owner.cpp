#include "vserctl/owner.hpp"

#include <mutex>
#include <utility>

namespace vserctl {
namespace client = vser::client;

struct Owner::State {
    explicit State(client::Client a_client) : present(std::move(a_client)) {}

    /// The present client of the same server stays: it may have a lease.
    void change(const client::Client& found) {
        const std::lock_guard lock(mutex);
        if (found.address() != present.address()) present = found;
    }

    std::mutex mutex;
    client::Client present;  ///< guarded by mutex
};

Owner::Owner(client::Client client) : state_(std::make_shared<State>(std::move(client))) {}

client::Client Owner::client() const {
    const std::lock_guard lock(state_->mutex);
    return state_->present;
}

std::string Owner::address() const {
    const std::lock_guard lock(state_->mutex);
    return state_->present.address();
}

Owner::Find Owner::follow(Find find) const {
    if (!find) return nullptr;
    return [state = state_, find = std::move(find)] {
        auto found = find();
        if (found) state->change(*found);
        return found;
    };
}

}  // namespace vserctl
