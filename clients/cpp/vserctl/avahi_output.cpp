#include "vserctl/avahi_output.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace vserctl {
namespace {

constexpr std::size_t announced_max = 1000;
constexpr std::size_t addresses_max = 16;
constexpr std::size_t announcement_bytes_max = 64 << 10;  // a TXT record has at most 64 KiB
// =;eth0;IPv4;NAME;_vserd._tcp;local;lab7.local;192.0.2.7;50051;"tls=yes" "bridge=lab7"
namespace field {
enum : std::size_t { kind, interface, protocol, name, type, domain, host, address, port, text, count };
}

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

/// The byte of "\DDD" (decimal) or "\c" at the start of `rest`, which is moved behind it. A lone backslash stands for itself.
char take_escaped(std::string_view& rest) {
    if (rest.size() >= 4 && is_decimal(rest[1]) && is_decimal(rest[2]) && is_decimal(rest[3])) {
        const int byte = (rest[1] - '0') * 100 + (rest[2] - '0') * 10 + (rest[3] - '0');
        if (byte <= 255) {
            rest.remove_prefix(4);
            return static_cast<char>(byte);
        }
    }
    const char byte = rest.size() > 1 ? rest[1] : '\\';
    rest.remove_prefix(std::min<std::size_t>(2, rest.size()));
    return byte;
}

char take_byte(std::string_view& rest) {
    if (rest.front() == '\\') return take_escaped(rest);
    const char byte = rest.front();
    rest.remove_prefix(1);
    return byte;
}

std::string without_escapes(std::string_view rest) {
    std::string out;
    while (!rest.empty()) out += take_byte(rest);
    return out;
}

/// Names escape ';'; the last field may contain it.
std::vector<std::string_view> split_announcement(std::string_view line) {
    std::vector<std::string_view> fields;
    while (fields.size() + 1 < field::count) {
        const auto end = line.find(';');
        fields.push_back(line.substr(0, end));
        if (end == std::string_view::npos) return fields;
        line.remove_prefix(end + 1);
    }
    fields.push_back(line);
    return fields;
}

/// The strings of a TXT record: "key=value" "key=value".
std::vector<std::string> texts_of(std::string_view rest) {
    std::vector<std::string> texts;
    for (auto begin = rest.find('"'); begin != std::string_view::npos; begin = rest.find('"')) {
        rest.remove_prefix(begin + 1);
        std::string text;
        while (!rest.empty() && rest.front() != '"') text += take_byte(rest);
        if (rest.empty()) return texts;  // cut
        rest.remove_prefix(1);
        texts.push_back(std::move(text));
    }
    return texts;
}

void take_text(AnnouncedBridge& bridge, std::string_view text) {
    const auto equals = std::min(text.find('='), text.size());
    const auto key = text.substr(0, equals);
    const auto value = text.substr(std::min(equals + 1, text.size()));
    if (key == "bridge") bridge.bridge = value;
    if (key == "version") bridge.version = value;
    if (key == "tls" && (value == "yes" || value == "no")) bridge.tls = value == "yes";
}

std::optional<AnnouncedBridge> bridge_of(std::string_view line) {
    const auto fields = split_announcement(line);
    if (fields.size() != field::count || fields[field::kind] != "=" || fields[field::type] != "_vserd._tcp")
        return std::nullopt;
    AnnouncedBridge bridge;
    bridge.name = without_escapes(fields[field::name]);
    bridge.host = without_escapes(fields[field::host]);
    const auto number = fields[field::port];
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), bridge.port);
    if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size() || bridge.port == 0)
        return std::nullopt;
    std::string where(fields[field::address]);
    if (bridge.host.empty() || where.empty()) return std::nullopt;
    if (where.starts_with("fe80:")) where += "%" + std::string(fields[field::interface]);
    bridge.addresses.push_back(std::move(where));
    for (const auto& each : texts_of(fields[field::text])) take_text(bridge, each);
    return bridge;
}

auto identity_of(const AnnouncedBridge& bridge) { return std::tie(bridge.name, bridge.host, bridge.port); }

}  // namespace

void AvahiOutput::add(std::string_view bytes) {
    for (const char byte : bytes) {
        if (byte == '\n') {
            add_line(line_);
            line_.clear();
        } else if (line_.size() < announcement_bytes_max) {
            line_ += byte;
        }
    }
}

void AvahiOutput::add_line(std::string_view line) {
    if (line.starts_with('+') || line.starts_with('-')) return;  // not yet resolved, or gone
    auto bridge = bridge_of(line);
    const auto known = std::ranges::find_if(
        bridges_, [&](const AnnouncedBridge& other) { return bridge && identity_of(other) == identity_of(*bridge); });
    if (!bridge || (known == bridges_.end() && bridges_.size() == announced_max)) {
        ++ignored_;
    } else if (known == bridges_.end()) {
        bridges_.push_back(*std::move(bridge));
    } else if (auto& all = known->addresses;
               all.size() < addresses_max && std::ranges::find(all, bridge->addresses.front()) == all.end()) {
        all.push_back(bridge->addresses.front());
    }
}

std::vector<AnnouncedBridge> AvahiOutput::bridges() const {
    auto sorted = bridges_;
    std::ranges::sort(sorted, [](const auto& one, const auto& other) { return identity_of(one) < identity_of(other); });
    return sorted;
}

}  // namespace vserctl
