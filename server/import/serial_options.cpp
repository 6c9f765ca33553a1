#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "import/gensio.hpp"
#include "import/words.hpp"

namespace vserd::importing {
namespace {

/// The options of one serial device while they are read.
struct SerialOptions {
    line::Settings settings{.baud = 9600, .format = {}};
    bool local = false;
    bool hangup = false;
};

std::optional<line::Parity> parity_of(char letter) {
    switch (letter) {
        case 'n': return line::Parity::none;
        case 'e': return line::Parity::even;
        case 'o': return line::Parity::odd;
        case 'm': return line::Parity::mark;
        case 's': return line::Parity::space;
        default: return std::nullopt;
    }
}

/// "9600", "9600n", "9600n8" or "9600n81". False if it is no such word.
bool read_speed(std::string_view word, line::Settings& settings) {
    const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
    const auto baud = number_of<std::uint32_t>(word.substr(0, digits));
    if (!baud || *baud == 0) return false;
    line::Settings read{.baud = *baud, .format = settings.format};
    word.remove_prefix(digits);
    if (word.size() > 3) return false;
    if (!word.empty()) {
        const auto parity = parity_of(word[0]);
        if (!parity) return false;
        read.format.parity = *parity;
    }
    if (word.size() > 1) {
        if (word[1] < '5' || word[1] > '8') return false;
        read.format.data_bits = static_cast<std::uint8_t>(word[1] - '0');
    }
    if (word.size() > 2) {
        if (word[2] != '1' && word[2] != '2') return false;
        read.format.stop_bits = word[2] == '1' ? line::StopBits::one : line::StopBits::two;
    }
    settings = read;
    return true;
}

/// The words of ser2net.conf for parity, data bits and stop bits.
bool read_old_word(const std::string& word, line::Format& format) {
    const std::vector<std::string> parities{"none", "odd", "even", "mark", "space"};  // in the order of Parity
    const auto found = std::find(parities.begin(), parities.end(), word);
    if (found != parities.end()) {
        format.parity = static_cast<line::Parity>(found - parities.begin());
    } else if (word == "1stopbit" || word == "2stopbits") {
        format.stop_bits = word[0] == '1' ? line::StopBits::one : line::StopBits::two;
    } else if (word.size() == 9 && word.ends_with("databits") && word[0] >= '5' && word[0] <= '8') {
        format.data_bits = static_cast<std::uint8_t>(word[0] - '0');
    } else {
        return false;
    }
    return true;
}

void set_flow(line::Format& format, line::FlowControl flow, bool on) {
    if (on)
        format.flow_control = flow;
    else if (format.flow_control == flow)
        format.flow_control = line::FlowControl::none;
}

/// "rtscts", "-rtscts" or "rtscts=false". False if it is not such an option.
bool read_switch(const std::string& word, SerialOptions& options) {
    const bool negated = word.starts_with('-');
    const std::size_t equals = word.find('=');
    std::string name = word.substr(negated ? 1 : 0, equals == std::string::npos ? equals : equals - (negated ? 1 : 0));
    std::replace(name.begin(), name.end(), '_', '-');
    const bool on = !negated && (equals == std::string::npos || is_true(word.substr(equals + 1)));
    if (name == "local")
        options.local = on;
    else if (name == "rtscts")
        set_flow(options.settings.format, line::FlowControl::rts_cts, on);
    else if (name == "xonxoff")
        set_flow(options.settings.format, line::FlowControl::xon_xoff, on);
    else if (name == "hangup-when-done")
        options.hangup = on;
    else if (name != "nobreak" && name != "nouucplock")
        return false;  // these two change nothing in vserd
    return true;
}

/// Throws Fault for a speed that is none.
void read_word(const std::string& word, Place at, SerialOptions& options, ImportedPort& port) {
    const bool is_speed = word.starts_with("speed=");
    if (is_speed || is_digit(word[0])) {
        if (read_speed(is_speed ? word.substr(6) : word, options.settings)) return;
        if (read_old_word(word, options.settings.format)) return;
        throw Fault{at, fmt::format("'{}' is not a speed such as 9600n81", word)};
    }
    if (read_old_word(word, options.settings.format) || read_switch(word, options)) return;
    port.remarks.push_back({at, fmt::format("serial option '{}': no equivalent in vserd", word)});
}

}  // namespace

void read_serial_options(std::string_view text, Place at, const GensioDefaults& defaults, ImportedPort& port) {
    SerialOptions options;
    if (const auto speed = defaults.find("serialdev", "speed")) read_word("speed=" + *speed, at, options, port);
    for (const char* name : {"local", "rtscts", "xonxoff", "hangup-when-done"}) {
        const auto value = defaults.find("serialdev", name);
        if (value) read_switch(fmt::format("{}={}", name, *value), options);
    }
    for (const std::string& word : split(text, ", \t")) read_word(lower_case(word), at, options, port);
    if (!options.local) {
        port.remarks.push_back(
            {at, "without 'local', ser2net waits for DCD; vserd never does, and reports the modem lines"});
    }
    port.entry.hangup_on_close = options.hangup;
    const auto valid = line::ValidSettings::of(options.settings);
    if (!valid) throw Fault{at, valid.error().message};
    port.entry.settings = *valid;
}

}  // namespace vserd::importing
