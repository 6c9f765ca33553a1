#include <fmt/core.h>

#include <utility>

#include "access/policy.hpp"
#include "hub/channel.hpp"

namespace vserd::hub {
namespace {

Error right_lost(const std::string& port, access::Role needed, access::Role held) {
    return {Failure::denied,
            0,
            std::string(to_string(needed)),
            fmt::format("you no longer have the role \"{}\" on port \"{}\", but \"{}\": the rules changed, or your "
                        "token expired or was removed",
                        to_string(needed), port, to_string(held)),
            {{"held", std::string(to_string(held))}}};
}

}  // namespace

void Channel::apply(const access::Policy& policy) {
    List<Writer> lost;
    for (auto writer = writers_.begin(); writer != writers_.end();) {
        Writer& one = *writer++;
        one.role_ = policy.role_of(one.client().identity, name());
        if (one.role_ >= needed_role(one)) continue;
        one.unlink();
        lost.push_back(one);
    }
    while (!lost.empty()) {
        Writer& writer = lost.front();
        writer.unlink();
        end(writer, right_lost(name(), needed_role(writer), writer.role()));
    }
    fail_pending_writes_without_right();
    leases_.revoke(
        [&](const Client& client) -> std::optional<Error> {
            const access::Role role = policy.role_of(client.identity, name());
            if (role >= access::Role::write) return std::nullopt;
            return right_lost(name(), access::Role::write, role);
        },
        LeaseQueue::Clock::now());
}

/// The role without which what the client does now cannot go on.
access::Role Channel::needed_role(const Writer& writer) const {
    if (yielder_ == &writer) return access::Role::control;
    const Lease* const held = leases_.held();
    if (held != nullptr && held->stream == &writer) return access::Role::write;
    return writer.reader_ != nullptr ? access::Role::read : access::Role::list;
}

/// Bytes that wait for room are not written any more when their client has lost the right to write.
void Channel::fail_pending_writes_without_right() {
    for (auto write = pending_writes_.begin(); write != pending_writes_.end();) {
        PendingWrite& one = *write++;
        if (one.writer == nullptr || one.writer->role() >= access::Role::write) continue;
        one.unlink();
        refuse(one, right_lost(name(), access::Role::write, one.writer->role()));
        write = pending_writes_.begin();  // done() may have removed others
    }
}

std::optional<std::chrono::sys_seconds> Channel::next_expiry(std::chrono::sys_seconds after) const {
    std::optional<std::chrono::sys_seconds> next;
    for (const Writer& writer : writers_)
        access::take_earlier(next, writer.client().identity.credential.expires, after);
    return next;
}

/// Makes the handle of `writer` null. What it was doing fails with `why`.
void Channel::end(Writer& writer, const Error& why) {
    writer.leave();
    writer.channel_ = nullptr;
    writer.unlink();
    const auto ended = std::exchange(writer.ended_, nullptr);
    // Each of these may destroy the writer.
    if (writer.reader_ != nullptr) {
        close_reader(*writer.reader_, why);
    } else if (ended) {
        ended(why);
    }
    fail_pending_writes_of(writer, why);
}

void Channel::close_reader(Reader& reader, const Error& why) {
    reader.unlink();
    reader.channel_ = nullptr;
    count_reader(-1);
    reader.sink_.on_closed(why);
}

}  // namespace vserd::hub
