#include "import/gensio.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "import/words.hpp"

namespace vserd::importing {
namespace {

/// The end of "(...)" in `text`, which begins with the parenthesis: the index behind it.
std::size_t end_of_options(std::string_view text, Place at) {
    char quote = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\')
            ++i;
        else if (quote != 0)
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == ')')
            return i + 1;
    }
    throw Fault{at, fmt::format("'{}' does not close its parenthesis", text)};
}

/// Whether a layer has the option, "rfc2217" or "rfc2217=true".
bool has_option(const GensioLayer& layer, const std::string& name, const GensioDefaults& defaults) {
    bool on = is_true(defaults.find(layer.name, name).value_or("false"));
    for (const std::string& option : layer.options) {
        if (option == name)
            on = true;
        else if (option.starts_with(name + "="))
            on = is_true(option.substr(name.size() + 1));
    }
    return on;
}

/// "3000", "localhost,3000", "ipv4,192.168.1.1,3000" as an address of vserd.
std::string tcp_address(const std::string& text, Place at) {
    std::vector<std::string> parts = split(text, ",");
    const std::string family = !parts.empty() && parts.front().starts_with("ipv") ? parts.front() : "";
    if (!family.empty()) parts.erase(parts.begin());
    if (parts.empty() || parts.size() > 2) {
        throw Fault{at, fmt::format("'tcp,{}' is not 'tcp,PORT' or 'tcp,HOST,PORT'", text)};
    }
    const std::string any = family == "ipv4" ? "0.0.0.0" : "[::]";
    if (parts.size() == 1) return any + ":" + parts.front();
    const std::string& host = parts.front();
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + parts.back();
}

const char* accepter_advice(const std::string& layer) {
    if (layer == "mux" || layer == "certauth") return "use [server.tls] with client_ca, or ssh";
    if (layer == "sctp" || layer == "udp") return "use TCP";
    if (layer == "dummy") return "it accepts nobody, and vserctl and gRPC reach the port without it";
    return "vserd has no equivalent";
}

}  // namespace

void GensioDefaults::set(const std::string& of_class, const std::string& name, std::string value) {
    values_[{of_class, name}] = std::move(value);
}

void GensioDefaults::remove(const std::string& of_class, const std::string& name) { values_.erase({of_class, name}); }

std::optional<std::string> GensioDefaults::find(const std::string& of_class, const std::string& name) const {
    auto found = values_.find({of_class, name});
    if (found == values_.end()) found = values_.find({"", name});
    if (found == values_.end()) return std::nullopt;
    return found->second;
}

bool is_true(std::string_view text) {
    const std::string word = lower_case(text);
    return word == "true" || word == "yes" || word == "on" || word == "1";
}

GensioLayer first_layer(std::string_view text, Place at) {
    text = trimmed(text);
    GensioLayer layer;
    const std::size_t end = std::min(text.find_first_of(",( \t"), text.size());
    layer.name = lower_case(text.substr(0, end));
    text.remove_prefix(end);
    if (text.starts_with('(')) {
        const std::size_t size = end_of_options(text, at);
        layer.options = split(text.substr(1, size - 2), ", \t");
        text.remove_prefix(size);
    }
    text = trimmed(text);
    if (text.starts_with(',')) text.remove_prefix(1);
    layer.rest = std::string(trimmed(text));
    return layer;
}

std::optional<ImportedListen> read_accepter(std::string_view text, Place at, const GensioDefaults& defaults,
                                            std::vector<Remark>& remarks) {
    ImportedListen listen;
    listen.entry.protocol = "raw";
    std::string rest(text);
    for (;;) {
        const GensioLayer layer = first_layer(rest, at);
        if (layer.name == "telnet") {
            listen.entry.protocol = has_option(layer, "rfc2217", defaults) ? "rfc2217" : "telnet";
        } else if (layer.name == "ssl") {
            listen.entry.tls = true;
            for (const std::string& option : layer.options) listen.remarks.push_back({at, "ssl option: " + option});
        } else if (layer.name == "tcp") {
            listen.entry.address = tcp_address(layer.rest, at);
            return listen;
        } else if (layer.name == "unix") {
            listen.entry.address = "unix:" + layer.rest;
            return listen;
        } else if (!layer.name.empty() && std::all_of(layer.name.begin(), layer.name.end(), is_digit)) {
            listen.entry.address = "[::]:" + layer.name;  // of a time before gensio
            return listen;
        } else {
            remarks.push_back(
                {at, fmt::format("accepter '{}': {}: {}", text, layer.name, accepter_advice(layer.name))});
            return std::nullopt;
        }
        rest = layer.rest;
    }
}

bool read_connector(std::string_view text, Place at, const GensioDefaults& defaults, ImportedPort& port,
                    std::vector<Remark>& remarks) {
    const GensioLayer layer = first_layer(text, at);
    if (layer.name == "echo") {
        port.entry.device = "sim:echo";
        return true;
    }
    if (layer.name != "serialdev" && layer.name != "sdev") {
        remarks.push_back({at, fmt::format("connector '{}': vserd serves serial devices of this machine only", text)});
        return false;
    }
    for (const std::string& option : layer.options) {
        port.remarks.push_back({at, fmt::format("{}: no equivalent in vserd", option)});
    }
    const std::size_t end = std::min(layer.rest.find_first_of(", \t"), layer.rest.size());
    port.entry.device = layer.rest.substr(0, end);
    if (port.entry.device.empty()) throw Fault{at, "the connector names no device: serialdev,/dev/ttyS0,9600n81,local"};
    read_serial_options(std::string_view(layer.rest).substr(end), at, defaults, port);
    return true;
}

}  // namespace vserd::importing
