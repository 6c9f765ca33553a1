#include "vserctl/attach_questions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/text.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/sessions.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

using vserd::base::counted;

constexpr std::chrono::seconds question_timeout{5};
constexpr std::chrono::milliseconds last_question{500};
// Queued bytes are reported only if the device needs longer than this to send them.
constexpr std::chrono::seconds queue_report_min{1};
constexpr std::string_view default_server = "127.0.0.1:50051";

std::chrono::seconds time_on_line(std::uint64_t bytes, std::uint32_t baud) {
    constexpr std::uint64_t bits_per_character = 10;
    return std::chrono::seconds(bytes * bits_per_character / std::max(baud, 1U));
}

}  // namespace

void AttachQuestions::ask_about_port() {
    if (about_port_) return answer_("the server has not answered yet");
    asked_ = owner_.address();
    about_port_.emplace(owner_.client().begin_get_port(port_, question_timeout));
}

void AttachQuestions::show_port(std::uint64_t next_offset) {
    const auto port = about_port_->take();
    if (!port) return;
    about_port_.reset();
    if (!*port) return answer_("no answer: " + printable(port->error().message));
    const auto& now = **port;
    const auto state = now.state == client::State::online ? "online" : "offline: " + printable(now.offline_reason);
    answer_(fmt::format("{} at {}: {}, {} {}, {}, offset {}, {} queued for the device", printable(now.name),
                        printable(asked_), state, now.baud, to_string(now.format), counted(now.readers, "reader"),
                        next_offset, counted(now.stats.tx_queue_bytes, "byte")));
    if (now.signals) answer_("modem lines: " + describe(*now.signals));
    if (now.held_by_flow_control) answer_("held by flow control: the device accepts no bytes");
    if (!now.foreign_readers.empty()) answer_(describe_readers(now.foreign_readers));
}

void AttachQuestions::ask_who() {
    if (who_) return answer_("the server has not answered yet");
    who_.emplace(owner_.client().begin_sessions(port_, question_timeout));
}

void AttachQuestions::show_who() {
    const auto sessions = who_->take();
    if (!sessions) return;
    who_.reset();
    if (!sessions->ok()) return answer_("no answer: " + printable(sessions->error().message));
    for (const auto& session : **sessions) answer_(describe(session));
}

std::string describe_queued_bytes(const Owner& owner, const std::string& name) {
    const auto port = owner.client().get_port(name, last_question);
    if (!port) return {};
    const auto bytes = port->stats.tx_queue_bytes;
    const auto time = time_on_line(bytes, port->baud);
    if (bytes == 0 || (time < queue_report_min && port->state == client::State::online)) return {};
    const auto address = owner.address();
    const auto server = address == default_server ? std::string() : fmt::format("-s {} ", printable(address));
    return fmt::format(
        "{} bytes are still queued for the device and will be sent ({} at {} baud); to discard them: "
        "vserctl {}flush {} output",
        bytes, human_duration(time), port->baud, server, printable(name));
}

}  // namespace vserctl
