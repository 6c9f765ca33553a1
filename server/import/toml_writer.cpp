#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "base/text.hpp"
#include "config/limits.hpp"
#include "import/import.hpp"

namespace vserd::importing {
namespace {

constexpr std::size_t remark_bytes_max = 1000;

/// The text as a basic string of TOML. `text` is valid UTF-8 without control characters.
std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// Writes lines, some of them as comments.
class Writer {
public:
    explicit Writer(const Document& document)
        : file_(base::printable_text(document.file)), name_(file_.substr(file_.rfind('/') + 1)) {}

    void line(std::string_view text, bool active = true) {
        if (!active && !text.empty()) out_ += "# ";
        out_ += text;
        out_ += '\n';
    }

    void remarks(const std::vector<Remark>& remarks) {
        for (const Remark& remark : remarks) {
            const std::string text = base::printable_text(std::string_view(remark.text).substr(0, remark_bytes_max));
            line(fmt::format("# {}:{}: {}", name_, remark.at.line, text));
        }
    }

    const std::string& file() const { return file_; }
    std::string take() { return std::move(out_); }

private:
    std::string file_;
    std::string name_;  ///< the file without its directory
    std::string out_;
};

void write_server(Writer& out, const Document& document) {
    if (document.insecure_remote || document.tls) out.line("");
    if (document.insecure_remote) {
        out.line("[server]");
        out.line(
            "# As before, anybody who reaches this machine can use some of the listeners below, without encryption. "
            "Give");
        out.line("# them loopback addresses, or configure [server.tls] and tls = true, and remove this line.");
        out.line("allow_insecure_remote = true");
    }
    if (document.tls) {
        out.line("# For the listeners with TLS below:");
        out.line("# [server.tls]");
        out.line("# certificate = \"/etc/vserd/server.crt\"");
        out.line("# key = \"/etc/vserd/server.key\"");
    }
}

void write_listen(Writer& out, const ImportedListen& listen, bool port_active) {
    const config::ListenEntry defaults;
    const config::ListenEntry& entry = listen.entry;
    const bool active = port_active && listen.active;
    out.line("");
    out.remarks(listen.remarks);
    out.line("[[port.listen]]", active);
    out.line("address = " + toml_string(base::printable_text(entry.address)), active);
    out.line("protocol = " + toml_string(entry.protocol), active);
    if (entry.mode != defaults.mode) out.line("mode = " + toml_string(entry.mode), active);
    if (entry.clients_max != defaults.clients_max) out.line(fmt::format("clients_max = {}", entry.clients_max), active);
    if (entry.tls) out.line("tls = true", active);
}

void write_port(Writer& out, const ImportedPort& port) {
    const config::PortEntry& entry = port.entry;
    const line::Settings& settings = entry.settings;
    out.line("");
    out.remarks(port.remarks);
    out.line("[[port]]", port.active);
    out.line("name = " + toml_string(entry.name), port.active);
    if (!entry.description.empty()) out.line("description = " + toml_string(entry.description), port.active);
    out.line("device = " + toml_string(base::printable_text(entry.device)), port.active);
    out.line(fmt::format("baud = {}", settings.baud), port.active);
    std::string format = line::to_string(settings.format);
    const std::string flow = format.find('/') == std::string::npos ? "" : format.substr(format.find('/') + 1);
    out.line("format = " + toml_string(format.substr(0, format.find('/'))), port.active);
    if (!flow.empty()) out.line("flow = " + toml_string(flow), port.active);
    if (entry.hangup_on_close) out.line("hangup_on_close = true", port.active);
    for (const ImportedListen& listen : port.listen) write_listen(out, listen, port.active);
}

}  // namespace

std::string to_toml(const Document& document) {
    Writer out(document);
    out.line(fmt::format("# Made from {} by `vserd import`. Comments that begin with its name and a line report what",
                         out.file()));
    out.line("# has no equivalent in vserd. migrate.md, in deploy/ or /usr/share/doc/vserd/, explains each key.");
    out.remarks(document.remarks);
    write_server(out, document);
    for (const ImportedPort& port : document.ports) write_port(out, port);
    return out.take();
}

}  // namespace vserd::importing
