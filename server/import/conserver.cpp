#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "config/limits.hpp"
#include "import/conserver_syntax.hpp"
#include "import/port_set.hpp"
#include "import/readers.hpp"
#include "import/substitution.hpp"
#include "import/words.hpp"

namespace vserd::importing {
namespace {

/// The last item of each keyword, and the options one by one, because "options" adds to what it finds.
struct Console {
    std::map<std::string, ConserverItem> items;
    std::map<std::string, bool> options;

    std::string text(const std::string& keyword, const std::string& otherwise = "") const {
        const auto found = items.find(keyword);
        return found == items.end() ? otherwise : found->second.value;
    }
    Place place(const std::string& keyword, Place otherwise) const {
        const auto found = items.find(keyword);
        return found == items.end() ? otherwise : found->second.at;
    }
    bool option(const std::string& name, bool otherwise = false) const {
        const auto found = options.find(name);
        return found == options.end() ? otherwise : found->second;
    }
    void include(const Console& other) {
        for (const auto& [keyword, item] : other.items) items[keyword] = item;
        for (const auto& [name, on] : other.options) options[name] = on;
    }
};

struct KeywordAdvice {
    std::string_view keyword;
    std::string_view text;
};

constexpr std::array keyword_advices{
    KeywordAdvice{"aliases", "a port has one name"},
    KeywordAdvice{"break", "`vserctl break PORT --duration 250ms` sends a break; other sequences: `vserctl write`"},
    KeywordAdvice{"breaklist", "`vserctl break` sends a break"},
    KeywordAdvice{"idlestring", "vserd sends nothing by itself; use a timer with `vserctl write`"},
    KeywordAdvice{"idletimeout", "vserd sends nothing by itself; use a timer with `vserctl write`"},
    KeywordAdvice{"initcmd", "run the command as a client: `vserctl attach PORT` in a script"},
    KeywordAdvice{"initrunas", "run the command as a client"},
    KeywordAdvice{"logfile",
                  "vserd keeps what the port receives in memory; write a file with `vserctl read PORT --follow >FILE`"},
    KeywordAdvice{"logfilemax", "logrotate can rotate what vserctl writes"},
    KeywordAdvice{"ro", "vserd has no users; use a listener with mode = \"read-only\", or a client CA"},
    KeywordAdvice{"rw", "vserd has no users; use [server.tls] with client_ca, or ssh"},
    KeywordAdvice{"tasklist", "vserd runs no commands"},
    KeywordAdvice{"timestamp", "vserd stores the time of every byte: `vserctl read PORT --json`"},
};

/// Keywords that do not speak of a device, or that are read elsewhere.
bool is_silent(const std::string& keyword) {
    static const std::vector<std::string> words{"baud",      "device",      "devicesubst",   "host",     "include",
                                                "initsubst", "master",      "motd",          "options",  "parity",
                                                "port",      "portbase",    "portinc",       "protocol", "replstring",
                                                "type",      "initspinmax", "initspintimer", "exec",     "execsubst",
                                                "execrunas", "uds",         "udssubst",      "username", "password"};
    return std::find(words.begin(), words.end(), keyword) != words.end() || keyword.starts_with("ipmi");
}

const KeywordAdvice* keyword_advice(const std::string& keyword) {
    const auto found = std::find_if(keyword_advices.begin(), keyword_advices.end(),
                                    [&](const KeywordAdvice& advice) { return advice.keyword == keyword; });
    return found == keyword_advices.end() ? nullptr : &*found;
}

/// "vm" may be the short name of "vm.example.org". Two different domains are two machines.
bool is_same_machine(const std::string& first, const std::string& second) {
    const std::string a = lower_case(first);
    const std::string b = lower_case(second);
    return a == b || (!a.empty() && b.starts_with(a + ".")) || (!b.empty() && a.starts_with(b + "."));
}

class ConserverReader {
public:
    ConserverReader(const Environment& environment, Document& document)
        : environment_(environment), document_(document), ports_(environment, document) {}

    void read(const ConserverFile& file) {
        document_.remarks = file.remarks;
        for (const ConserverBlock& block : file.blocks) read_block(block);
    }

private:
    void read_block(const ConserverBlock& block) {
        if (block.type == "default") {
            Console values;
            apply(block, values);
            defaults_[block.name] = std::move(values);  // a later block of the same name replaces the earlier one
        } else if (block.type == "console") {
            read_console(block);
        } else if (block.type == "access") {
            document_.remarks.push_back({block.at,
                                         "access: limit the addresses of clients with the firewall; use "
                                         "[server.tls] with client_ca, or ssh"});
        } else if (block.type == "config") {
            for (const ConserverItem& item : block.items) {
                document_.remarks.push_back(
                    {item.at, fmt::format("config {}: vserd has its own [server] and command line", item.keyword)});
            }
        } else if (block.type == "break" || block.type == "group" || block.type == "task") {
            document_.remarks.push_back(
                {block.at, fmt::format("{} {}: no equivalent in vserd", block.type, block.name)});
        } else {
            throw Fault{block.at, fmt::format("unknown block '{}'", block.type)};
        }
    }

    void apply(const ConserverBlock& block, Console& values) const {
        for (const ConserverItem& item : block.items) {
            if (!is_silent(item.keyword) && keyword_advice(item.keyword) == nullptr) {
                throw Fault{item.at, fmt::format("unknown keyword '{}'", item.keyword)};
            }
            if (item.keyword == "include") {
                include(item, values);
            } else if (item.keyword == "options") {
                for (const std::string& option : split(item.value, ", ")) {
                    values.options[option.substr(option.starts_with('!') ? 1 : 0)] = !option.starts_with('!');
                }
            } else {
                values.items[item.keyword] = item;
            }
        }
    }

    void include(const ConserverItem& item, Console& values) const {
        const auto found = defaults_.find(item.value);
        if (found == defaults_.end()) {
            throw Fault{item.at, fmt::format("the default '{}' is not defined above", item.value)};
        }
        values.include(found->second);
    }

    void read_console(const ConserverBlock& block) {
        Console console;
        if (const auto all = defaults_.find("*"); all != defaults_.end()) console.include(all->second);
        apply(block, console);
        const std::string type = console.text("type");
        if (type != "device") return skip(block, console, type);
        ImportedPort port;
        port.entry.name = block.name;
        port.entry.device = substituted(console.text("device"), console.text("devicesubst"), values_of(block, console),
                                        console.place("devicesubst", block.at));
        if (port.entry.device.empty()) throw Fault{block.at, fmt::format("console '{}' needs 'device'", block.name)};
        read_description(console, port);
        read_settings(block, console, port);
        check_master(block, console, port);
        for (const auto& [keyword, item] : console.items) remark_on(item, port);
        ports_.add(std::move(port), block.at);
    }

    /// A console that is no device of this machine.
    void skip(const ConserverBlock& block, const Console& console, const std::string& type) {
        std::string what = "vserd serves serial devices of this machine only";
        if (type.empty()) throw Fault{block.at, fmt::format("console '{}' needs 'type'", block.name)};
        if (type == "host") {
            what += fmt::format("; this one is {}:{}", console.text("host"), values_of(block, console).final_port);
        }
        if (type == "exec") what += "; run the command in tmux";
        document_.remarks.push_back({block.at, fmt::format("console '{}' of type {}: {}", block.name, type, what)});
    }

    static std::int64_t number(const Console& console, const std::string& keyword, std::int64_t otherwise) {
        const std::string text = console.text(keyword);
        if (text.empty()) return otherwise;
        const auto value = number_of<std::int32_t>(text);
        if (!value) throw Fault{console.place(keyword, {}), fmt::format("{}: '{}' is not a number", keyword, text)};
        return *value;
    }

    static SubstitutionValues values_of(const ConserverBlock& block, const Console& console) {
        SubstitutionValues values;
        values.console = block.name;
        values.host = console.text("host");
        values.replacement = console.text("replstring");
        values.baud = number(console, "baud", 0);
        values.port = number(console, "port", 0);
        values.final_port = number(console, "portbase", 0) + number(console, "portinc", 1) * values.port;
        return values;
    }

    static void read_description(const Console& console, ImportedPort& port) {
        const std::string motd = base::printable_text(console.text("motd"));
        if (motd.size() <= config::description_bytes_max && motd == console.text("motd")) {
            port.entry.description = motd;
        } else {
            port.remarks.push_back({console.place("motd", {}), "motd: a description is one line of at most 256 bytes"});
        }
    }

    static void read_settings(const ConserverBlock& block, const Console& console, ImportedPort& port) {
        line::Settings settings{.baud = 9600, .format = {}};
        const std::int64_t baud = number(console, "baud", 0);
        if (baud > 0)
            settings.baud = static_cast<std::uint32_t>(baud);
        else
            port.remarks.push_back({console.place("baud", block.at), "no baud: 9600 is assumed"});
        static const std::vector<std::string> parities{"none", "odd", "even", "mark", "space"};  // as in Parity
        const std::string parity = console.text("parity", "none");
        const auto found = std::find(parities.begin(), parities.end(), lower_case(parity));
        if (found == parities.end()) {
            throw Fault{console.place("parity", block.at), fmt::format("'{}' is not a parity", parity)};
        }
        settings.format.parity = static_cast<line::Parity>(found - parities.begin());
        // conserver uses seven bits with each parity
        settings.format.data_bits = settings.format.parity == line::Parity::none ? 8 : 7;
        if (console.option("cstopb")) settings.format.stop_bits = line::StopBits::two;
        read_flow(block, console, settings.format, port);
        port.entry.hangup_on_close = console.option("hupcl");
        if (const auto valid = line::ValidSettings::of(settings)) port.entry.settings = *valid;
    }

    static void read_flow(const ConserverBlock& block, const Console& console, line::Format& format,
                          ImportedPort& port) {
        if (console.option("ixon", true) || console.option("ixoff", true))
            format.flow_control = line::FlowControl::xon_xoff;
        if (console.option("crtscts")) format.flow_control = line::FlowControl::rts_cts;
        for (const char* name : {"ixany", "ondemand", "striphigh", "reinitoncc", "unloved"}) {
            if (!console.option(name)) continue;
            port.remarks.push_back({block.at, fmt::format("option {}: no equivalent in vserd", name)});
        }
    }

    /// The file is shared by all masters; each serves its own consoles.
    void check_master(const ConserverBlock& block, const Console& console, ImportedPort& port) const {
        const std::string master = console.text("master", "localhost");
        if (master == "localhost" || master == "127.0.0.1" || master == "::1") return;
        if (is_same_machine(master, environment_.host_name)) return;
        port.remarks.push_back({console.place("master", block.at),
                                fmt::format("console '{}' belongs to the machine '{}'", block.name, master)});
        port.active = false;
    }

    static void remark_on(const ConserverItem& item, ImportedPort& port) {
        if (item.value.empty() || is_silent(item.keyword)) return;
        const KeywordAdvice* known = keyword_advice(item.keyword);
        if (known == nullptr) return;
        if (item.keyword == "rw" && item.value == "*") return;
        std::string value = item.value;
        if (item.keyword == "logfile") {
            value.clear();
            for (const char c : item.value) value += c == '&' ? port.entry.name : std::string(1, c);
        }
        port.remarks.push_back({item.at, fmt::format("{} {}: {}", item.keyword, value, known->text)});
    }

    const Environment& environment_;
    Document& document_;
    PortSet ports_;
    std::map<std::string, Console> defaults_;
};

}  // namespace

void read_conserver(std::string_view text, const Environment& environment, Document& document) {
    ConserverReader(environment, document).read(read_conserver_blocks(text));
}

}  // namespace vserd::importing
