#pragma once

#include <type_traits>

namespace vserd::rpc {

/// The object that a tag of the completion queue points to. Each operation of a call has one.
class Completion {
public:
    /// Called on the queue's thread when the operation has completed, for work that would burden the io thread (parsing).
    /// Returns whether to call go_on().
    virtual bool on_arrival(bool ok) = 0;
    /// Called on the queue's thread after on_arrival(): whether to wake the io thread now, or let it see this when it next wakes.
    virtual bool is_urgent() noexcept = 0;
    /// Called on the queue's thread after the io thread was notified, for work that the io thread need not wait for. The
    /// completion must stay in place until this has returned.
    virtual void go_on() = 0;
    /// Called on the io thread after on_arrival(). May destroy the completion.
    virtual void on_complete(bool ok) = 0;

protected:
    ~Completion() = default;
};

/// A completion that calls a member function of its owner on the io thread, and optionally others before that. Without an
/// `urgent` function it is always urgent.
template <class Owner, void (Owner::*complete)(bool), auto arrive = nullptr, auto urgent = nullptr, auto next = nullptr>
class MemberCompletion final : public Completion {
public:
    explicit MemberCompletion(Owner& owner) : owner_(owner) {}

    bool on_arrival(bool ok) override {
        if constexpr (!std::is_null_pointer_v<decltype(next)>) return (owner_.*arrive)(ok);
        if constexpr (!std::is_null_pointer_v<decltype(arrive)>) (owner_.*arrive)(ok);
        return false;
    }
    bool is_urgent() noexcept override {
        if constexpr (std::is_null_pointer_v<decltype(urgent)>) {
            return true;
        } else {
            return (owner_.*urgent)();
        }
    }
    void go_on() override {
        if constexpr (!std::is_null_pointer_v<decltype(next)>) (owner_.*next)();
    }
    void on_complete(bool ok) override { (owner_.*complete)(ok); }

private:
    Owner& owner_;  // holds this as a member
};

}  // namespace vserd::rpc
