#include <fmt/core.h>

#include "base/text.hpp"
#include "hub/channel.hpp"

namespace vserd::hub {
namespace {

/// Of the text that a client gives.
constexpr std::size_t reason_bytes_max = 200;

std::string reason_text(const std::string& client, const std::string& reason) {
    const std::string shown = base::printable_text(reason.substr(0, reason_bytes_max));
    return fmt::format("yielded to {}{}{}", client, shown.empty() ? "" : ": ", shown);
}

}  // namespace

void Writer::yield(const std::string& reason, const port::Reply<void>& reply) {
    if (channel_ == nullptr) return reply(Error{Failure::unavailable, 0, "", "the port was removed"});
    Channel& channel = *channel_;
    if (const auto access = channel.check_access(this); !access) return reply(access.error());
    if (channel.yielder_ != nullptr) {
        const std::string& holder = channel.yielder_->name();
        return reply(Error{Failure::refused, 0, holder,
                           fmt::format("port \"{}\" is {}; wait until \"{}\" has finished", channel.name(),
                                       channel.port_.offline_reason(), holder)});
    }
    if (channel.port_.kind() == line::Kind::simulated) {
        return reply(Error{
            Failure::unsupported, 0, "yield",
            fmt::format("port \"{}\" is simulated: there is no device that another program can open", channel.name())});
    }
    channel.yielder_ = this;
    begin_session(SessionMode::yielded);
    channel.port_.yield(reason_text(name_, reason), [&channel, reply](const Result<void>& result) {
        if (!result) channel.yielder_ = nullptr;
        reply(result);
    });
}

void Writer::take_back() {
    if (channel_ == nullptr || channel_->yielder_ != this) return;
    channel_->yielder_ = nullptr;
    channel_->port_.take_back();
}

}  // namespace vserd::hub
