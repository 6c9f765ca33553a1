#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "hub/client.hpp"

namespace vserd::rpc {

/// Says who makes a call that comes through the in-process channel: the other face has found that out, and gRPC carries only
/// a pass. A pass is a random number of 128 bits that names one call, works once, and only in this process. Any thread.
class Passes {
public:
    /// The key of the pass in the metadata of a call.
    static constexpr const char* key = "vserd-pass";

    /// One pass. It ends with this object, whether it was used or not. Outlived by `passes`.
    class Pass {
    public:
        Pass(Passes& passes, std::string text) : passes_(passes), text_(std::move(text)) {}
        ~Pass();
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;
        const std::string& text() const noexcept { return text_; }

    private:
        Passes& passes_;
        std::string text_;
    };

    std::unique_ptr<Pass> issue(hub::Client client);
    /// The client of a call that shows a valid pass and came through the in-process channel.
    std::optional<hub::Client> redeem(const grpc::ServerContextBase& context);

private:
    std::mutex mutex_;
    std::unordered_map<std::string, hub::Client> clients_;  ///< guarded by mutex_; by the text of the pass
};

/// Whether the call came through the in-process channel.
bool is_local_call(const grpc::ServerContextBase& context);

}  // namespace vserd::rpc
