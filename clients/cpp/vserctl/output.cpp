#include "vserctl/output.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"

namespace vserctl {
namespace client = vser::client;

OutputFailed::OutputFailed(int error_number)
    : std::runtime_error(std::string("cannot write to stdout: ") + std::strerror(error_number)) {}

int write_all(int fd, std::string_view text) noexcept {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
            ::poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

void put(std::string_view text) {
    if (const int error = write_all(STDOUT_FILENO, text); error != 0) throw OutputFailed(error);
}

static bool any_message_lost = false;

void put_message(std::string_view text) noexcept {
    if (write_all(STDERR_FILENO, text) != 0) any_message_lost = true;
}

bool message_was_lost() noexcept { return any_message_lost; }

void put_note(const std::string& text) noexcept { put_message(fmt::format("[vserctl: {}]\n", text)); }

int print_error(const std::string& message, bool json) {
    const client::Error error{.code = client::Code::unknown, .message = message, .reason = "LOCAL"};
    put_message(json ? JsonObject().field("error", to_json(error)).text() + "\n"
                     : fmt::format("vserctl: {}\n", printable(message)));
    return exit_refused;
}

int print_error(const client::Error& error, bool json) {
    if (json) {
        put_message(JsonObject().field("error", to_json(error)).text() + "\n");
        return exit_code(error);
    }
    std::string hint;
    if (error.is_transport() && !error.metadata.contains("etcd"))
        hint =
            "; is vserd running there? Name another server with -s ADDRESS or VSERD_ADDRESS; one with TLS needs --tls "
            "or --tls-ca";
    const auto taken = error.metadata.find("bytes_taken");
    if (taken != error.metadata.end() && taken->second != "0")
        hint += fmt::format("; {} bytes were taken before", printable(taken->second));
    const auto least = error.metadata.find("bytes_taken_at_least");
    if (least != error.metadata.end())
        hint += fmt::format("; {} bytes or more were taken before: the server did not say in time",
                            printable(least->second));
    put_message(fmt::format("vserctl: {} ({}){}\n", printable(error.message), client::to_string(error.code), hint));
    return exit_code(error);
}

void ItemPrinter::print(const client::ConsoleItem& item) {
    if (const auto* data = std::get_if<client::Data>(&item)) return print_data(*data);
    finish();
    if (json_) return out_(to_json_item(item).text() + "\n");
    struct Notes {
        bool events;
        void operator()(const client::Data&) const {}
        void operator()(const client::Event& event) const {
            if (events) put_note(describe(event));
        }
        void operator()(const client::Gap& gap) const { put_note(describe(gap)); }
        void operator()(const client::Disconnected& lost) const { put_note(describe(lost)); }
        void operator()(const client::Reconnected& back) const { put_note(describe(back)); }
        void operator()(const client::LogRestarted& restart) const { put_note(describe(restart)); }
    };
    std::visit(Notes{events_}, item);
}

void ItemPrinter::print_data(const client::Data& data) {
    if (!json_) return out_(data.bytes);
    if (base64_) {
        JsonObject object;
        object.field("offset", data.offset)
            .field("bytes", vserctl::base64(data.bytes))
            .field("receive_time", rfc3339(data.receive_time));
        return out_(JsonObject().field("data", object).text() + "\n");
    }
    last_time_ = data.receive_time;
    put_text(utf8_.push(data.offset, data.bytes), data.receive_time);
}

void ItemPrinter::put_text(const Utf8Stream::Text& text, client::Time time) {
    if (text.text.empty()) return;
    JsonObject object;
    object.field("offset", text.offset).field("text", text.text).field("receive_time", rfc3339(time));
    out_(JsonObject().field("text", object).text() + "\n");
}

void ItemPrinter::finish() {
    if (const auto rest = utf8_.flush()) put_text(*rest, last_time_);
}

}  // namespace vserctl
