#include "vser_client/cancellation.hpp"

#include <utility>

namespace vser::client {
namespace {

thread_local Cancellation* of_this_thread = nullptr;

}  // namespace

void Cancellation::cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (cancel_call_) cancel_call_();
}

Cancellation::Scope::Scope(Cancellation& cancellation) noexcept { of_this_thread = &cancellation; }

Cancellation::Scope::~Scope() { of_this_thread = nullptr; }

Cancellation::Running::Running(std::function<void()> cancel) : cancellation_(of_this_thread) {
    if (cancellation_ == nullptr) return;
    const std::lock_guard lock(cancellation_->mutex_);
    if (cancellation_->cancelled_) cancel();
    cancellation_->cancel_call_ = std::move(cancel);
}

Cancellation::Running::~Running() {
    if (cancellation_ == nullptr) return;
    const std::lock_guard lock(cancellation_->mutex_);
    cancellation_->cancel_call_ = nullptr;
}

}  // namespace vser::client
