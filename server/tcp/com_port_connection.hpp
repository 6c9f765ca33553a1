#pragma once

#include <optional>

#include "tcp/com_port.hpp"
#include "tcp/telnet_connection.hpp"

namespace vserd::tcp {

/// The most requests of one RFC 2217 client that wait for the device at once.
inline constexpr std::uint32_t com_port_requests_max = 16;

/// An RFC 2217 client: a program that also controls the line. Like a raw client, it is disconnected when it would miss bytes.
///
/// A change takes effect after the bytes that were sent before it, and is answered after that. Later requests do not wait for
/// the answer.
class ComPortConnection final : public TelnetConnection {
public:
    ComPortConnection(ConnectionEnvironment environment, std::unique_ptr<Stream> stream, hub::Session session,
                      Ended ended)
        : TelnetConnection(std::move(environment), std::move(stream), std::move(session), std::move(ended), true) {}

    void tick(std::chrono::steady_clock::time_point now) override;

private:
    void begin() override;
    void take_input(std::span<const std::byte>& input) override;
    void input_ended() override { set_modem_lines(); }
    bool input_blocked() const override { return requests_ >= com_port_requests_max; }
    void take_gap(const log::GapItem& /*gap*/) override { fall_behind(); }
    void take_event(const log::EventItem& event) override;
    void on_refused(const Error& /*error*/) override { close(); }
    void tell(std::string_view /*notice*/) override {}
    void take_subnegotiation(const TelnetSubnegotiation& subnegotiation) override;

    void take_command(const ComPortCommand& command);
    void take_setting(const ComPortCommand& command);
    void take_control(const ComPortCommand& command);
    void take_break(std::uint32_t value);
    void purge(std::uint32_t what);
    void set_modem_lines();
    void end_break(std::chrono::steady_clock::time_point now);
    void answer(ComPortCode code, std::uint32_t value) { append_com_port(answers(), code, value); }
    void answer_in_force(const ComPortCommand& command);
    void answer_modem_line(bool dtr);
    void notify_modem_state(const line::Signals& lines);
    line::Signals modem_lines() const;
    /// Calls `work` with this connection when the reply comes, if it is still open then.
    template <class T, class Work>
    port::Reply<T> when_replied(Work work);

    std::uint32_t requests_ = 0;
    line::SignalChange lines_;  ///< requested in the present read
    bool dtr_ = true;           ///< as last requested, for a device without modem lines
    bool rts_ = true;
    std::optional<std::chrono::steady_clock::time_point> break_began_;
    bool greeted_ = false;
    line::Signals notified_;  ///< the state that the client was last notified of
    std::uint8_t modem_state_mask_ = 0xff;
    std::uint8_t line_state_mask_ = 0;
};

}  // namespace vserd::tcp
