#include "tcp/com_port_connection.hpp"

#include <algorithm>
#include <utility>

namespace vserd::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A change that has not taken effect by then is dropped, and the answer has the old value. Clients wait about 3 s.
constexpr milliseconds change_limit{2000};
constexpr std::chrono::seconds break_end_limit{10};

bool about_dtr(std::uint32_t value) { return value >= control::query_dtr && value <= control::dtr_off; }
bool about_rts(std::uint32_t value) { return value >= control::query_rts && value <= control::rts_off; }
bool sets_modem_line(const ComPortCommand& command) {
    return command.code == ComPortCode::set_control && (about_dtr(command.value) || about_rts(command.value)) &&
           command.value != control::query_dtr && command.value != control::query_rts;
}

}  // namespace

template <class T, class Work>
port::Reply<T> ComPortConnection::when_replied(Work work) {
    ++requests_;
    return [weak = weak_from_this(), work = std::move(work)](const Result<T>& result) {
        const auto self = std::static_pointer_cast<ComPortConnection>(weak.lock());
        if (!self) return;
        --self->requests_;
        if (self->closed()) return;
        work(*self, result);
        self->run();
    };
}

void ComPortConnection::begin() {
    TelnetConnection::begin();
    notified_ = modem_lines();
}

void ComPortConnection::take_input(std::span<const std::byte>& input) {
    TelnetConnection::take_input(input);
    if (greeted_ || !codec().com_port_on()) return;
    greeted_ = true;
    answer(ComPortCode::notify_modemstate, modem_state(modem_lines()));
}

void ComPortConnection::take_subnegotiation(const TelnetSubnegotiation& subnegotiation) {
    if (subnegotiation.option != telnet::option_com_port || !port()) return;
    const auto command = parse_com_port(subnegotiation.content);
    if (!command) return;
    if (!sets_modem_line(*command)) set_modem_lines();  // keeps the order of the commands
    take_command(*command);
}

void ComPortConnection::take_command(const ComPortCommand& command) {
    switch (command.code) {
        case ComPortCode::signature:
            if (!command.has_text) append_com_port_signature(answers(), "vserd " VSERD_VERSION);
            return;
        case ComPortCode::set_baudrate:
        case ComPortCode::set_datasize:
        case ComPortCode::set_parity:
        case ComPortCode::set_stopsize: return take_setting(command);
        case ComPortCode::set_control: return take_control(command);
        case ComPortCode::notify_linestate:
            return answer(command.code, port()->port().tx_queue_bytes() == 0 ? line_state_idle : 0);
        case ComPortCode::notify_modemstate: return answer(command.code, modem_state(modem_lines()));
        case ComPortCode::flowcontrol_suspend: return suspend(true);
        case ComPortCode::flowcontrol_resume: return suspend(false);
        case ComPortCode::set_linestate_mask:
            line_state_mask_ = static_cast<std::uint8_t>(command.value);
            return answer(command.code, command.value);
        case ComPortCode::set_modemstate_mask:
            modem_state_mask_ = static_cast<std::uint8_t>(command.value);
            return answer(command.code, command.value);
        case ComPortCode::purge_data: return purge(command.value);
    }
}

void ComPortConnection::answer_in_force(const ComPortCommand& command) {
    if (!port()) return;
    const bool inbound =
        command.code == ComPortCode::set_control &&
        ((command.value >= control::query_inbound_flow && command.value <= control::inbound_flow_hardware) ||
         command.value == control::inbound_flow_dtr);
    answer(command.code, value_in_force(command.code, port()->port().settings(), inbound));
}

void ComPortConnection::take_setting(const ComPortCommand& command) {
    const auto change = settings_change(command);
    const bool in_force = value_in_force(command.code, port()->port().settings()) == command.value;
    if (!change || !may_write() || (in_force && requests_ == 0)) return answer_in_force(command);
    port().change_settings(*change, steady_clock::now() + change_limit,
                           when_replied<line::Settings>([command](ComPortConnection& self, const auto& /*settings*/) {
                               self.answer_in_force(command);
                           }));
}

void ComPortConnection::take_control(const ComPortCommand& command) {
    const std::uint32_t value = command.value;
    if (value >= control::query_break && value <= control::break_off) return take_break(value);
    const bool dtr = about_dtr(value);
    if (!dtr && !about_rts(value)) return take_setting(command);
    if (!sets_modem_line(command) || !may_write()) return answer_modem_line(dtr);
    const bool on = value == (dtr ? control::dtr_on : control::rts_on);
    auto& line = dtr ? lines_.dtr : lines_.rts;
    if (line && *line != on) set_modem_lines();  // the line changes twice
    (dtr ? dtr_ : rts_) = on;
    line = on;
}

/// Applies the changes that the present read requested, both lines in one step.
void ComPortConnection::set_modem_lines() {
    const auto change = std::exchange(lines_, {});
    if ((!change.dtr && !change.rts) || !port()) return;
    port().set_modem_lines(change, when_replied<line::Signals>([change](ComPortConnection& self, const auto& /*now*/) {
                               if (change.dtr) self.answer_modem_line(true);
                               if (change.rts) self.answer_modem_line(false);
                           }));
}

/// For a device without modem lines, answers as if it had obeyed. Clients would not open it otherwise.
void ComPortConnection::answer_modem_line(bool dtr) {
    if (!port()) return;
    const auto known = port()->port().signals();
    const bool on = dtr ? (known ? known->dtr : dtr_) : (known ? known->rts : rts_);
    if (dtr) {
        answer(ComPortCode::set_control, on ? control::dtr_on : control::dtr_off);
    } else {
        answer(ComPortCode::set_control, on ? control::rts_on : control::rts_off);
    }
}

/// A port takes breaks of a known duration, so the break is sent when the client ends it.
void ComPortConnection::take_break(std::uint32_t value) {
    if (value == control::break_on && may_write() && !break_began_) break_began_ = steady_clock::now();
    if (value == control::break_off) end_break(steady_clock::now());
    answer(ComPortCode::set_control, break_began_ ? control::break_on : control::break_off);
}

void ComPortConnection::end_break(steady_clock::time_point now) {
    const auto began = std::exchange(break_began_, std::nullopt);
    if (!began || !port()) return;
    const auto lasted = std::chrono::ceil<milliseconds>(now - *began);
    port().send_break(std::clamp(lasted, port::break_duration_min, port::break_duration_max), now + break_end_limit,
                      when_replied<void>([](ComPortConnection& /*self*/, const auto& /*sent*/) {}));
}

void ComPortConnection::tick(steady_clock::time_point now) {
    if (break_began_ && now - *break_began_ >= port::break_duration_max) {
        end_break(now);
        run();
    }
    TelnetConnection::tick(now);
}

/// Received bytes are purged for this client only, because others read the same bytes.
void ComPortConnection::purge(std::uint32_t what) {
    if (what == purge_received || what == purge_both) {
        skip_to_live();
        notify_modem_state(modem_lines());  // events were skipped too
    }
    if ((what != purge_transmitted && what != purge_both) || !may_write()) {
        return answer(ComPortCode::purge_data, what);
    }
    port().flush(line::FlushDirection::output,
                 when_replied<std::uint64_t>([what](ComPortConnection& self, const auto& /*discarded*/) {
                     self.answer(ComPortCode::purge_data, what);
                 }));
}

line::Signals ComPortConnection::modem_lines() const {
    return port() ? port()->port().signals().value_or(line::Signals{}) : line::Signals{};
}

void ComPortConnection::notify_modem_state(const line::Signals& lines) {
    const line::Signals before = std::exchange(notified_, lines);
    const std::uint8_t now = modem_state(lines, before);
    const int changed = (modem_state(before) ^ now) & 0xf0;
    if (greeted_ && ((changed | (now & 0x0f)) & modem_state_mask_) != 0) {
        answer(ComPortCode::notify_modemstate, now & modem_state_mask_);
    }
}

void ComPortConnection::take_event(const log::EventItem& event) {
    if (const auto* lines = std::get_if<port::SignalsChanged>(&event.event)) return notify_modem_state(lines->signals);
    const auto* errors = std::get_if<port::LineErrorsCounted>(&event.event);
    if (errors == nullptr || !greeted_) return;
    const int state = line_state(errors->errors) & line_state_mask_;
    if (state != 0) answer(ComPortCode::notify_linestate, static_cast<std::uint32_t>(state));
}

}  // namespace vserd::tcp
