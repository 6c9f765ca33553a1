#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "etcd/api/etcdserverpb/rpc.pb.h"
#include "fleet/connection.hpp"
#include "fleet/settings.hpp"

namespace vserctl {

/// Reads keys of an etcd. Every call has a deadline. A member that does not answer is left for the next one, and the one that answers
/// is kept. Any thread.
class EtcdReader {
public:
    struct Answer {
        etcdserverpb::RangeResponse keys;
        bool stale = false;
    };

    /// `limit`: for each member.
    EtcdReader(vserd::fleet::EtcdSettings settings, std::chrono::milliseconds limit);

    /// The keys as etcd has them now. If no member is in contact with a majority, as one of them had them last: then the answer is
    /// stale.
    vserd::Result<Answer> range(etcdserverpb::RangeRequest request);

private:
    using Member = std::shared_ptr<vserd::fleet::Connection>;  // shared by the calls that run and this

    vserd::Result<etcdserverpb::RangeResponse> ask_members(const etcdserverpb::RangeRequest& request);
    vserd::Result<etcdserverpb::RangeResponse> ask(vserd::fleet::Connection& member,
                                                   const etcdserverpb::RangeRequest& request);
    vserd::Result<Member> connect();
    void leave(const Member& member);
    vserd::Result<std::string> token_of(vserd::fleet::Connection& member);
    vserd::Result<std::string> authenticate(vserd::fleet::Connection& member);
    std::string known_token();
    void forget(const std::string& token);
    template <class Stub, class Request, class Response>
    vserd::Result<Response> call(vserd::fleet::Connection& member, Stub& stub,
                                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                 const Request& request, const std::string& token, bool needs_leader) const;

    const vserd::fleet::EtcdSettings settings_;
    const std::chrono::milliseconds limit_;
    std::mutex mutex_;
    Member member_;             ///< guarded by mutex_; null: not connected
    std::size_t endpoint_ = 0;  ///< guarded by mutex_; the index of the one in use
    std::string token_;         ///< guarded by mutex_; of the user
};

}  // namespace vserctl
