#include "tcp/telnet_connection.hpp"

#include <fmt/core.h>

#include <utility>

#include "base/text.hpp"

namespace vserd::tcp {
namespace {

constexpr std::chrono::milliseconds break_duration_default{250};
constexpr std::chrono::seconds break_wait_limit{10};

}  // namespace

void TelnetConnection::begin() {
    codec_.start(answers());
    if (port()->port().state() == port::PortState::offline) {
        tell(fmt::format("device disconnected: {}", port()->port().offline_reason()));
    }
}

void TelnetConnection::take_input(std::span<const std::byte>& input) {
    if (const auto piece = codec_.next(input, answers())) take(*piece);
}

void TelnetConnection::take(const TelnetInput& piece) {
    if (const auto* data = std::get_if<TelnetData>(&piece)) return send_to_port(data->bytes);
    if (const auto* content = std::get_if<TelnetSubnegotiation>(&piece)) return take_subnegotiation(*content);
    if (std::holds_alternative<TelnetBreak>(piece)) return send_break(break_duration_default);
    answer_are_you_there();
}

void TelnetConnection::send_break(std::chrono::milliseconds duration) {
    if (!may_write() || !port()) return;
    port().send_break(duration, std::chrono::steady_clock::now() + break_wait_limit,
                      [weak = weak_from_this()](const Result<void>& sent) {
                          const auto self = weak.lock();
                          if (sent || !self) return;
                          auto& connection = static_cast<TelnetConnection&>(*self);
                          connection.tell(fmt::format("no break was sent: {}", sent.error().message));
                          connection.run();
                      });
}

void TelnetConnection::answer_are_you_there() {
    if (!port()) return;
    const port::Port& state = port()->port();
    tell(fmt::format("vserd {}: port {}, {} baud {}, device {}", VSERD_VERSION, options().port, state.settings().baud,
                     line::to_string(state.settings().format),
                     state.state() == port::PortState::online ? "connected" : "disconnected"));
}

void TelnetConnection::take_data(log::DataItem data) {
    bool encode = false;
    for (const log::Slice& slice : data.slices) {
        encode = encode || codec_.needs_encoding({slice.data, slice.size});
    }
    if (!encode) return send(std::move(data));
    for (const log::Slice& slice : data.slices) codec_.encode({slice.data, slice.size}, encoded());
}

void TelnetConnection::take_gap(const log::GapItem& gap) {
    tell(fmt::format("{} bytes are missing: this connection did not take them in time", gap.to - gap.from));
}

void TelnetConnection::take_event(const log::EventItem& event) {
    if (const auto* offline = std::get_if<port::WentOffline>(&event.event)) {
        tell(fmt::format("device disconnected: {}", offline->reason));
    } else if (std::holds_alternative<port::CameOnline>(event.event)) {
        tell("device connected");
    } else if (const auto* writer = std::get_if<port::WriterChanged>(&event.event)) {
        if (writer->client.empty()) told_refusal_ = false;
    } else if (const auto* notice = std::get_if<port::Notice>(&event.event)) {
        tell(fmt::format("notice from {}: {}", notice->from, notice->text));
    }
}

void TelnetConnection::on_refused(const Error& error) {
    if (!std::exchange(told_refusal_, true)) tell(fmt::format("what you type is dropped: {}", error.message));
}

void TelnetConnection::tell(std::string_view notice) {
    if (closed()) return;
    answers() += fmt::format("\r\n[{}]\r\n", base::printable_text(notice));
}

}  // namespace vserd::tcp
