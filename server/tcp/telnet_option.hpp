#pragma once

#include <cstdint>
#include <optional>

namespace vserd::tcp {

/// One side of one telnet option, by the Q method of RFC 1143. vserd asks for options and never asks to end one, so the states
/// WANTNO and the queue bits of the RFC do not exist. What `received_*` return is the answer to send: true for WILL or DO.
class TelnetOption {
public:
    enum class State : std::uint8_t { no, yes, want_yes };

    explicit TelnetOption(bool supported) : supported_(supported) {}

    /// Asks for the option. Returns whether to send the request.
    bool ask() {
        if (state_ != State::no) return false;
        state_ = State::want_yes;
        return true;
    }
    std::optional<bool> received_yes() {
        const State before = state_;
        if (before == State::no && !supported_) return false;
        state_ = State::yes;
        if (before == State::no) return true;
        return std::nullopt;
    }
    std::optional<bool> received_no() {
        refused_ = true;
        const State before = state_;
        state_ = State::no;
        if (before == State::yes) return false;
        return std::nullopt;
    }

    bool on() const noexcept { return state_ == State::yes; }
    /// The peer's last answer was a refusal.
    bool refused() const noexcept { return refused_ && !on(); }

private:
    bool supported_;
    bool refused_ = false;
    State state_ = State::no;
};

}  // namespace vserd::tcp
