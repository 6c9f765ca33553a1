#include "vserctl/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

void note(const std::string& text) { std::fprintf(stderr, "[vserctl: %s]\n", text.c_str()); }

}  // namespace

void put(std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            std::fprintf(stderr, "vserctl: cannot write to stdout: %s\n", std::strerror(errno));
            std::_Exit(exit_refused);
        }
    }
}

int complain(const client::Error& error, bool json) {
    if (json) {
        std::fprintf(stderr, "%s\n", JsonObject().field("error", to_json(error)).text().c_str());
        return exit_code(error);
    }
    std::string hint;
    if (error.is_transport())
        hint =
            "; is vserd running there? Name another server with -s ADDRESS or VSERD_ADDRESS; one with TLS needs --tls "
            "or --tls-ca";
    const auto taken = error.metadata.find("bytes_taken");
    if (taken != error.metadata.end() && taken->second != "0")
        hint += "; " + taken->second + " bytes were taken before";
    const auto least = error.metadata.find("bytes_taken_at_least");
    if (least != error.metadata.end())
        hint += "; " + least->second + " bytes or more were taken before: the server did not say in time";
    std::fprintf(stderr, "vserctl: %s (%s)%s\n", printable(error.message).c_str(), client::to_string(error.code),
                 hint.c_str());
    return exit_code(error);
}

void ItemPrinter::print(const client::ConsoleItem& item) {
    if (const auto* data = std::get_if<client::Data>(&item)) return print_data(*data);
    flush_text();
    if (json_) return put(to_json_item(item).text() + "\n");
    struct Notes {
        bool events;
        void operator()(const client::Data&) const {}
        void operator()(const client::Event& event) const {
            if (events) note(describe(event));
        }
        void operator()(const client::Gap& gap) const { note(describe(gap)); }
        void operator()(const client::Disconnected& lost) const { note(describe(lost)); }
        void operator()(const client::Reconnected& back) const { note(describe(back)); }
        void operator()(const client::LogRestarted& restart) const { note(describe(restart)); }
    };
    std::visit(Notes{events_}, item);
}

void ItemPrinter::print_data(const client::Data& data) {
    if (!json_) return put(data.bytes);
    if (base64_) {
        JsonObject object;
        object.field("offset", data.offset)
            .field("bytes", vserctl::base64(data.bytes))
            .field("receive_time", rfc3339(data.receive_time));
        return put(JsonObject().field("data", object).text() + "\n");
    }
    last_time_ = data.receive_time;
    put_text(utf8_.push(data.offset, data.bytes), data.receive_time);
}

void ItemPrinter::put_text(const Utf8Stream::Text& text, client::Time time) {
    if (text.text.empty()) return;
    JsonObject object;
    object.field("offset", text.offset).field("text", text.text).field("receive_time", rfc3339(time));
    put(JsonObject().field("text", object).text() + "\n");
}

void ItemPrinter::flush_text() {
    if (const auto rest = utf8_.flush()) put_text(*rest, last_time_);
}

}  // namespace vserctl
