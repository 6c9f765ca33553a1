#include "vserctl/lease_keys.hpp"

#include <utility>
#include <variant>

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::chrono::seconds confirm_limit{10};

}  // namespace

void LeaseKeys::acquire() {
    if (owns_) return answer_("you hold the port already");
    const bool confirmed = rejected_at_ != Clock::time_point{} && Clock::now() - rejected_at_ < confirm_limit;
    rejected_at_ = {};
    if (!console_.acquire(confirmed)) answer_("not done: too many requests are waiting");
}

void LeaseKeys::release() {
    if (!owns_) return answer_("you do not hold the port");
    if (!console_.release()) answer_("not done: too many requests are waiting");
}

void LeaseKeys::reconnected(bool exclusive) {
    rejected_at_ = {};
    if (std::exchange(owns_, exclusive) && !exclusive)
        answer_("you do not hold the port any more: that ended with the connection; " + again_ + " acquires it again");
}

void LeaseKeys::note(const client::Event& event) {
    const auto* writer = std::get_if<client::WriterChanged>(&event.what);
    if (writer == nullptr) return;
    if (writer->own) {
        owns_ = true;
    } else if (writer->change != client::LeaseChange::unspecified && writer->change != client::LeaseChange::acquired) {
        owns_ = false;  // the end of a lease
    } else if (writer->refused_request == "acquire" && writer->needed_role == client::Role::unspecified) {
        rejected_at_ = Clock::now();
        answer_(again_ + " within 10 s takes the port over");
    }
}

}  // namespace vserctl
