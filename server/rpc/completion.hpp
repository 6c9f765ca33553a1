#pragma once

#include <type_traits>

namespace vserd::rpc {

/// What a tag of the completion queue points to. Each operation of a call has its own.
class Completion {
public:
    /// On the queue's thread, as soon as the operation is done: for what is better not done on the io thread (parsing).
    virtual void on_arrival(bool ok) = 0;
    /// On the io thread, after on_arrival(). May destroy the completion.
    virtual void on_complete(bool ok) = 0;

protected:
    ~Completion() = default;
};

/// A completion that calls a member function of its owner on the io thread, and perhaps another one on arrival.
template <class Owner, void (Owner::*complete)(bool), auto arrive = nullptr>
class MemberCompletion final : public Completion {
public:
    explicit MemberCompletion(Owner& owner) : owner_(owner) {}

    void on_arrival(bool ok) override {
        if constexpr (!std::is_null_pointer_v<decltype(arrive)>) (owner_.*arrive)(ok);
    }
    void on_complete(bool ok) override { (owner_.*complete)(ok); }

private:
    Owner& owner_;  // holds this as a member
};

}  // namespace vserd::rpc
