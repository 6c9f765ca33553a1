#include <fmt/core.h>

#include <utility>

#include "access/policy.hpp"
#include "hub/channel.hpp"

namespace vserd::hub {

void Channel::apply(const access::Policy& policy) {
    List<Writer> lost;
    for (auto writer = writers_.begin(); writer != writers_.end();) {
        Writer& one = *writer++;
        const access::Role role = policy.role_of(one.client().identity, name());
        const bool ends = lost_its_right(one, role);
        one.role_ = role;
        if (!ends) continue;
        one.unlink();
        lost.push_back(one);
    }
    while (!lost.empty()) {
        Writer& writer = lost.front();
        writer.unlink();
        end(writer, {Failure::denied,
                     0,
                     "read",
                     fmt::format("a change of the rules took away your right to use port \"{}\"; you have \"{}\"",
                                 name(), to_string(writer.role())),
                     {{"held", std::string(to_string(writer.role()))}}});
    }
}

bool Channel::lost_its_right(const Writer& writer, access::Role role) const {
    if (role >= writer.role_) return false;
    if (writer.channel_->yielder_ == &writer) return role < access::Role::control;
    const Lease* const held = leases_.held();
    if (held != nullptr && held->stream == &writer) return role < access::Role::write;
    return role < access::Role::read;
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
