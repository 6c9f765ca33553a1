#include "fleet/mirror.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "fleet/entry_json.hpp"
#include "fleet/keys.hpp"

namespace vserd::fleet {
namespace {

namespace pb = etcdserverpb;

constexpr std::int64_t page_keys_max = 500;
/// In the copy. A fleet of 1000 bridges with 48 ports has 49 000.
constexpr std::size_t entries_max = 250'000;
constexpr std::size_t key_shown_bytes_max = 100;

}  // namespace

Mirror::Mirror(boost::asio::io_context& context, Link& link, Health& health, Counters& counters,
               const Settings& settings, roster::Roster& roster, Registrar& registrar)
    : link_(link),
      health_(health),
      counters_(counters),
      settings_(settings),
      roster_(roster),
      registrar_(registrar),
      wake_(context),
      page_keys_(page_keys_max) {}

void Mirror::stop() {
    stopping_ = true;
    wake_.notify();
}

Awaitable<> Mirror::run() {
    while (!stopping_) {
        const auto done = co_await synchronize();
        health_.set_fresh(false);
        if (stopping_) break;
        // Changes that etcd has forgotten are no problem: everything is listed again.
        if (!done && done.error().failure != Failure::out_of_range && link_.is_final(done.error()))
            health_.failed(Task::mirror, done.error());
        co_await wake_.wait_for(backoff_.next());
    }
}

/// Returns when the connection was lost.
Awaitable<Result<void>> Mirror::synchronize() {
    Result<void> placed;
    if (revision_ == 0) {
        placed = co_await list();
    } else {
        placed = co_await find_place();
    }
    if (!placed) {
        // Too many bytes in an answer: ask for fewer keys. Anything else does not depend on it.
        if (placed.error().failure == Failure::exhausted) page_keys_ = std::max<std::int64_t>(page_keys_ / 2, 1);
        co_return placed.error();
    }
    co_return co_await follow();
}

Awaitable<Result<void>> Mirror::list() {
    counters_.relists.fetch_add(1, std::memory_order_relaxed);
    std::set<std::string> seen;
    pb::RangeRequest request;
    set_range(request, settings_.prefix);
    request.set_limit(page_keys_);
    bool more = true;
    while (more) {
        const auto page = co_await link_.range(request);
        if (!page) co_return page.error();
        if (request.revision() == 0) request.set_revision(page->header().revision());
        for (const mvccpb::KeyValue& key : page->kvs()) {
            put(key);
            seen.insert(key.key());
        }
        more = page->more() && !page->kvs().empty();
        if (more) request.set_key(page->kvs().rbegin()->key() + '\0');
    }
    remove_all_but(seen);
    registrar_.saw_all(
        request.revision(), [&](const std::string& port) { return seen.contains(port_key(settings_.prefix, port)); },
        [&](const std::string& id) { return seen.contains(bridge_key(settings_.prefix, id)); });
    reach(request.revision());
    co_return Result<void>{};
}

/// An etcd that was restored from a backup or has lost its data counts anew. Its changes would come from the past.
Awaitable<Result<void>> Mirror::find_place() {
    pb::RangeRequest request;
    set_range(request, settings_.prefix);
    request.set_count_only(true);
    const auto now = co_await link_.range(request);
    if (!now) co_return now.error();
    if (now->header().revision() >= revision_) co_return Result<void>{};
    registrar_.history_lost();
    co_return co_await list();
}

Awaitable<Result<void>> Mirror::follow() {
    pb::WatchCreateRequest request;
    set_range(request, settings_.prefix);
    request.set_start_revision(revision_ + 1);
    request.set_progress_notify(true);
    request.set_fragment(true);
    auto stream = link_.watch(request);
    if (!stream) co_return stream.error();
    const auto done = co_await read(**stream);
    co_await (*stream)->end();
    if (!done && !stopping_) {
        counters_.failed(Op::watch);
        if (done.error().failure != Failure::out_of_range) link_.leave((*stream)->connection());
    }
    co_return done;
}

/// Asks after a silence whether the stream is alive: a member that is paused or cut off does not answer.
Awaitable<Result<void>> Mirror::read(WatchStream& stream) {
    const auto quiet = std::chrono::milliseconds(settings_.ttl) / 3;
    bool asked = false;
    while (!stopping_) {
        const auto message = co_await stream.next(Clock::now() + quiet);
        if (message) {
            asked = false;
            if (const auto taken = take(*message); !taken) co_return taken.error();
        } else if (message.error().failure == Failure::timed_out && !asked) {
            asked = true;
            stream.ask_for_progress();
        } else {
            co_return message.error();
        }
    }
    co_return Result<void>{};
}

Result<void> Mirror::take(const pb::WatchResponse& message) {
    if (message.compact_revision() != 0) {
        revision_ = 0;
        return Error{Failure::out_of_range, 0, "revision", "etcd has forgotten the changes since the last one seen"};
    }
    if (message.canceled())
        return Error{Failure::unavailable, 0, "watch",
                     fmt::format("etcd ends the stream of changes: {}", base::printable_text(message.cancel_reason()))};
    for (const mvccpb::Event& event : message.events())
        event.type() == mvccpb::Event::DELETE ? remove(event.kv()) : put(event.kv());
    // The header of a response may be ahead of changes that are still to come, except that of etcd's own notification.
    const bool is_notification = message.events().empty() && !message.created() && message.watch_id() >= 0;
    if (is_notification) reach(message.header().revision());
    if (!message.events().empty() && !message.fragment()) reach(message.events().rbegin()->kv().mod_revision());
    if (message.created() || !message.events().empty()) {
        health_.set_fresh(true);
        health_.works(Task::mirror);
        backoff_.reset();
    }
    return {};
}

void Mirror::reach(std::int64_t revision) {
    revision_ = revision;
    roster_.set_revision(revision);
}

void Mirror::remove_all_but(const std::set<std::string>& seen) {
    std::string name;
    while (const auto port = roster_.port_after(name)) {
        name = port->name;
        if (!seen.contains(port_key(settings_.prefix, name))) roster_.remove_port(name);
    }
    for (const auto& bridge : roster_.bridges())
        if (!seen.contains(bridge_key(settings_.prefix, bridge->id))) roster_.remove_bridge(bridge->id);
}

void Mirror::ignore(std::string_view key, const std::string& why) {
    counters_.entries_ignored.fetch_add(1, std::memory_order_relaxed);
    health_.warn_once(why, fmt::format("ignoring keys below {}, such as {}: {}", settings_.prefix,
                                       base::printable_text(key.substr(0, key_shown_bytes_max)), why));
}

bool Mirror::has_room() const { return roster_.size() + roster_.bridge_count() < entries_max; }

void Mirror::put(const mvccpb::KeyValue& key) {
    const Key parsed = parse_key(key.key(), settings_.prefix);
    switch (parsed.kind) {
        case KeyKind::port: return put_port(parsed.name, key);
        case KeyKind::bridge: return put_bridge(parsed.name, key);
        case KeyKind::foreign:
            return ignore(key.key(),
                          "another program uses this prefix; give vserd one of its own with 'prefix' in [fleet]");
    }
}

/// An entry that cannot be used still has an owner: nobody else can claim the name.
void Mirror::put_port(std::string_view name, const mvccpb::KeyValue& key) {
    auto port = port_of_json(name, key.value());
    registrar_.saw_port(name, {port ? port->bridge : "unknown", key.create_revision()});
    if (port && (roster_.port(name) || has_room())) {
        port->claim = key.create_revision();
        return roster_.put(std::move(*port));
    }
    roster_.remove_port(name);
    ignore(key.key(), port ? "there are too many entries" : "the value " + port.error().message);
}

void Mirror::put_bridge(std::string_view id, const mvccpb::KeyValue& key) {
    auto bridge = bridge_of_json(id, key.value());
    if (bridge && (roster_.bridge(id) || has_room())) return roster_.put(std::move(*bridge));
    roster_.remove_bridge(id);
    ignore(key.key(), bridge ? "there are too many entries" : "the value " + bridge.error().message);
}

void Mirror::remove(const mvccpb::KeyValue& key) {
    const Key parsed = parse_key(key.key(), settings_.prefix);
    if (parsed.kind == KeyKind::port) {
        roster_.remove_port(parsed.name);
        registrar_.saw_port_free(parsed.name, key.mod_revision());
    } else if (parsed.kind == KeyKind::bridge) {
        roster_.remove_bridge(parsed.name);
        registrar_.saw_bridge_free(parsed.name, key.mod_revision());
    }
}

}  // namespace vserd::fleet
