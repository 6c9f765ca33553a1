#include <fmt/core.h>

#include <map>

#include "import/gensio.hpp"
#include "import/port_set.hpp"
#include "import/readers.hpp"
#include "import/ser2net_options.hpp"
#include "import/words.hpp"
#include "import/yaml_tree.hpp"

namespace vserd::importing {
namespace {

/// ser2net.yaml(5), from its first to its last entry: defaults and definitions act on what follows them.
class Ser2netReader {
public:
    Ser2netReader(const Environment& environment, Document& document)
        : document_(document), ports_(environment, document) {}

    void read(const YamlNode& root) {
        if (root.kind != YamlNode::Kind::mapping) throw Fault{root.at, "expected 'connection: &NAME' and the like"};
        for (const auto& [key, value] : root.entries) read_entry(key, value);
    }

private:
    void read_entry(const YamlNode& key, const YamlNode& value) {
        if (key.text == "connection") return read_connection(value);
        if (key.text == "define") return read_define(value);
        if (key.text == "default") return read_default(value);
        if (key.text == "delete_default") return delete_default(value);
        if (key.text == "include") return remark(key, "include: " + text_of(value) + ": import that file too");
        if (key.text == "rotator") {
            return remark(key, fmt::format("rotator '{}': vserd has none; clients choose a port", value.anchor));
        }
        if (key.text == "admin") return remark(key, "admin: use vserctl, which reaches every port");
        if (key.text == "led") return remark(key, fmt::format("led '{}': vserd drives no LEDs", value.anchor));
        throw Fault{key.at, fmt::format("unknown key '{}'; ser2net.yaml has connection, define, include, default, "
                                        "delete_default, rotator, admin and led",
                                        key.text)};
    }

    void remark(const YamlNode& at, std::string text) { document_.remarks.push_back({at.at, std::move(text)}); }

    void read_define(const YamlNode& value) {
        if (value.anchor.empty()) throw Fault{value.at, "a definition needs a name: define: &NAME text"};
        definitions_[value.anchor] = text_of(value);
    }

    /// The text of a scalar, or of the definition that an alias names, with ser2net's substitutions.
    std::string text_of(const YamlNode& node) {
        if (node.kind == YamlNode::Kind::alias) return definition(node.text, node.at);
        if (node.kind != YamlNode::Kind::scalar) throw Fault{node.at, "expected a text"};
        return substituted(node);
    }

    std::string definition(const std::string& name, Place at) const {
        const auto found = definitions_.find(name);
        if (found == definitions_.end()) throw Fault{at, fmt::format("'*{}' is not defined above", name)};
        return found->second;
    }

    /// Replaces "*(NAME)"; "*(*" and "*{*" stand for "*(" and "*{". Contents of files, "*{FILE}", stay out of the result.
    std::string substituted(const YamlNode& node) {
        std::string out;
        std::string_view text = node.text;
        while (!text.empty()) {
            const std::string_view head = text.substr(0, 2);
            if (head != "*(" && head != "*{") {
                out += text[0];
                text.remove_prefix(1);
                continue;
            }
            if (text.substr(2).starts_with('*')) {
                out += head;
                text.remove_prefix(3);
                continue;
            }
            const std::size_t end = text.find(head == "*(" ? ')' : '}');
            if (end == std::string_view::npos) throw Fault{node.at, fmt::format("'{}' is not closed", head)};
            const std::string name(text.substr(2, end - 2));
            if (head == "*(")
                out += definition(name, node.at);
            else
                remark(node, fmt::format("*{{{}}}: the contents of the file are not imported", name));
            text.remove_prefix(end + 1);
            if (out.size() > text_bytes_max) throw Fault{node.at, "the text is too long"};
        }
        return out;
    }

    const YamlNode* entry(const YamlNode& mapping, std::string_view name) const {
        for (const auto& [key, value] : mapping.entries) {
            if (key.text == name) return &value;
        }
        return nullptr;
    }

    std::string required(const YamlNode& mapping, const char* of, const char* name) {
        const YamlNode* found = entry(mapping, name);
        if (found == nullptr) throw Fault{mapping.at, fmt::format("{} needs '{}'", of, name)};
        return text_of(*found);
    }

    std::string text_or(const YamlNode& mapping, const char* name, const char* otherwise) {
        const YamlNode* found = entry(mapping, name);
        return found == nullptr ? otherwise : text_of(*found);
    }

    void read_default(const YamlNode& value) {
        defaults_.set(text_or(value, "class", ""), required(value, "default", "name"), text_or(value, "value", ""));
    }

    void delete_default(const YamlNode& value) {
        defaults_.remove(required(value, "delete_default", "class"), required(value, "delete_default", "name"));
    }

    std::vector<ConnectionOption> options_of(const YamlNode& connection) {
        std::vector<ConnectionOption> options;
        const YamlNode* mapping = entry(connection, "options");
        if (mapping == nullptr) return options;
        for (const auto& [key, value] : mapping->entries) {
            // "led-rx: *led1" names a thing, which is no text.
            const bool names = value.kind == YamlNode::Kind::alias && !definitions_.contains(value.text);
            if (names && !key.text.starts_with("led-")) definition(value.text, value.at);
            options.push_back({key.at, key.text, names ? "*" + value.text : text_of(value)});
        }
        return options;
    }

    void read_connection(const YamlNode& value) {
        if (value.anchor.empty()) throw Fault{value.at, "a connection needs a name: connection: &NAME"};
        ImportedPort port;
        port.entry.name = value.anchor;
        std::vector<Remark> remarks;
        const YamlNode* connector = entry(value, "connector");
        const YamlNode* accepter = entry(value, "accepter");
        const std::string connector_text = required(value, "a connection", "connector");
        const std::string accepter_text = required(value, "a connection", "accepter");
        const bool serial = read_connector(connector_text, connector->at, defaults_, port, remarks);
        if (serial) {
            if (auto listen = read_accepter(accepter_text, accepter->at, defaults_, port.remarks)) {
                port.listen.push_back(std::move(*listen));
            }
        }
        apply_options(options_of(value), value.at, defaults_, port);
        read_rest(value, port);
        for (const Remark& found : remarks) {
            document_.remarks.push_back({found.at, fmt::format("connection '{}': {}", value.anchor, found.text)});
        }
        if (serial) ports_.add(std::move(port), value.at);
    }

    void read_rest(const YamlNode& connection, ImportedPort& port) {
        for (const auto& [key, value] : connection.entries) {
            if (key.text == "timeout") {
                if (text_of(value) == "0") continue;
                port.remarks.push_back(
                    {key.at, fmt::format("timeout: {}: idle clients stay connected", text_of(value))});
            } else if (key.text == "enable") {
                if (is_true(text_of(value))) continue;
                port.remarks.push_back({key.at, "not enabled in ser2net: remove the comment signs to enable it"});
                port.active = false;
            } else if (key.text.starts_with("trace-")) {
                apply_options({{key.at, key.text, text_of(value)}}, key.at, defaults_, port);
            } else if (key.text != "accepter" && key.text != "connector" && key.text != "options") {
                throw Fault{key.at, fmt::format("unknown key '{}' in a connection", key.text)};
            }
        }
    }

    static constexpr std::size_t text_bytes_max = 65536;

    Document& document_;
    PortSet ports_;
    GensioDefaults defaults_;
    std::map<std::string, std::string> definitions_;
};

}  // namespace

void read_ser2net_yaml(std::string_view text, const Environment& environment, Document& document) {
    Ser2netReader(environment, document).read(read_yaml(text));
}

}  // namespace vserd::importing
