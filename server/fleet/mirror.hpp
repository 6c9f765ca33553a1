#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "fleet/backoff.hpp"
#include "fleet/health.hpp"
#include "fleet/link.hpp"
#include "fleet/registrar.hpp"
#include "fleet/settings.hpp"
#include "fleet/watch_stream.hpp"
#include "roster/roster.hpp"

namespace vserd::fleet {

/// Keeps the roster as etcd has it below the prefix: lists everything once, and then follows the changes. After an interruption it
/// continues where it was; if etcd has forgotten what happened since, it lists again. Fleet thread.
class Mirror {
public:
    /// All outlive this.
    Mirror(boost::asio::io_context& context, Link& link, Health& health, Counters& counters, const Settings& settings,
           roster::Roster& roster, Registrar& registrar);

    Awaitable<> run();
    void stop();

private:
    Awaitable<Result<void>> synchronize();
    Awaitable<Result<void>> list();
    Awaitable<Result<void>> find_place();
    Awaitable<Result<void>> follow();
    Awaitable<Result<void>> read(WatchStream& stream);
    Result<void> take(const etcdserverpb::WatchResponse& message);
    void remove_all_but(const std::set<std::string>& seen);
    void put(const mvccpb::KeyValue& key);
    void put_port(std::string_view name, const mvccpb::KeyValue& key);
    void put_bridge(std::string_view id, const mvccpb::KeyValue& key);
    void remove(const mvccpb::KeyValue& key);
    void ignore(std::string_view key, const std::string& why);
    bool has_room() const;
    void reach(std::int64_t revision);

    Link& link_;
    Health& health_;
    Counters& counters_;
    const Settings& settings_;
    roster::Roster& roster_;
    Registrar& registrar_;
    Signal wake_;
    Backoff backoff_;
    std::int64_t revision_ = 0;  ///< that the roster has reached; 0: it is to be listed
    std::int64_t page_keys_;
    bool stopping_ = false;
};

}  // namespace vserd::fleet
