#pragma once

#include <type_traits>

namespace vserd::rpc {

/// What a tag of the completion queue points to. Each operation of a call has its own.
class Completion {
public:
    /// On the queue's thread, as soon as the operation is done: for what is better not done on the io thread (parsing).
    /// Returns whether go_on() is wanted.
    virtual bool on_arrival(bool ok) = 0;
    /// On the queue's thread, after on_arrival(): whether the io thread is woken for this, or takes it when it next wakes.
    virtual bool is_urgent() noexcept = 0;
    /// On the queue's thread, when the io thread was told already: what the io thread need not wait for. What follows from
    /// it must keep the completion in place.
    virtual void go_on() = 0;
    /// On the io thread, after on_arrival(). May destroy the completion.
    virtual void on_complete(bool ok) = 0;

protected:
    ~Completion() = default;
};

/// A completion that calls a member function of its owner on the io thread, and perhaps others before that. Without `urgent`
/// it always is.
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
