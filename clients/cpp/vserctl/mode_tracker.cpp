#include "vserctl/mode_tracker.hpp"

#include <algorithm>
#include <charconv>

namespace vserctl {
namespace {

struct Mode {
    std::string_view name;
    bool usual;  // in a fresh terminal
};

// Modes that would disturb a shell: ANSI modes, and private ones ("?").
constexpr std::array<Mode, 36> known_modes{{
    {"2", false},                                                            // the keyboard is locked
    {"4", false},                                                            // insert
    {"12", true},                                                            // off: local echo
    {"20", false},                                                           // Enter sends two characters
    {"5i", false},                                                           // output goes to a printer
    {"?5i", false},                                                          // and is printed as well
    {"?1", false},                                                           // application cursor keys
    {"?5", false},                                                           // reverse video
    {"?6", false},                                                           // origin
    {"?7", true},                                                            // line wrap
    {"?8", true},                                                            // keys repeat
    {"?9", false},                                                           // mouse
    {"?25", true},                                                           // the cursor is visible
    {"?45", false},                                                          // reverse wrap
    {"?47", false},                                                          // alternate screen
    {"?66", false},                                                          // application keypad
    {"?67", false},                                                          // backspace
    {"?69", false},                                                          // left and right margins
    {"?1000", false},                                                        // mouse, to ?1006
    {"?1001", false}, {"?1002", false}, {"?1003", false}, {"?1004", false},  // focus
    {"?1005", false}, {"?1006", false}, {"?1015", false}, {"?1016", false},
    {"?1047", false}, {"?1049", false}, {"?2004", false},  // bracketed paste
    {"?2026", false},                                      // the screen is held
    {"?2031", false},                                      // reports of the colour scheme
    {"?2048", false},                                      // reports of the size
    {"?3003", false},                                      // hexadecimal input
    {"?7727", false},                                      // application escape key
    {"?9001", false},                                      // Windows key reports
}};

constexpr std::size_t parameters_bytes_max = 64;
constexpr int pushed_max = 16;  // terminals keep no more
constexpr char shift_out = '\x0e';
constexpr char shift_in = '\x0f';
constexpr char cancel = '\x18';
constexpr char substitute = '\x1a';
constexpr char escape = '\x1b';
constexpr char bell = '\a';
constexpr char c1_lead = '\xC2';  // U+0080 to U+009F begin with it

const Mode* find_mode(std::string_view name) {
    const auto found =
        std::find_if(known_modes.begin(), known_modes.end(), [&](const Mode& mode) { return mode.name == name; });
    return found == known_modes.end() ? nullptr : &*found;
}

int number_of(std::string_view text, int otherwise) {
    int value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_plain(std::string_view parameters) {
    return parameters.find_first_not_of("0123456789;:") == std::string_view::npos;
}

void set_bit(std::uint32_t& bits, int number, bool on) {
    if (number < 0 || number > 31) return;
    const auto bit = std::uint32_t{1} << number;
    bits = on ? bits | bit : bits & ~bit;
}

void append_each(std::string& out, std::uint32_t bits, std::string_view before, std::string_view after, int base = 0) {
    for (int i = 0; i < 32; ++i) {
        if ((bits >> i & 1U) != 0) out.append(before).append(std::to_string(base + i)).append(after);
    }
}

}  // namespace

void ModeTracker::feed(std::string_view printed) {
    changed_ = false;
    while (!printed.empty()) {
        if (where_ == Where::text) {
            const auto special = printed.find_first_of("\x1b\x0e\x0f\xC2");  // nearly all output has none
            if (special == std::string_view::npos) return;
            printed.remove_prefix(special);
        }
        changed_ = true;
        feed(printed.front());
        printed.remove_prefix(1);
    }
}

void ModeTracker::feed(char c) {
    const bool in_string = where_ == Where::string || where_ == Where::string_escape;
    if (c == cancel || c == substitute) {
        where_ = Where::text;
    } else if (!in_string && (c == shift_out || c == shift_in)) {
        shifted_ = c == shift_out;  // also effective within a sequence
        if (where_ == Where::c1_lead) where_ = Where::text;
    } else if (where_ == Where::c1_lead) {
        const auto byte = static_cast<unsigned char>(c);
        where_ = Where::text;
        if (byte >= 0x80 && byte <= 0x9F) return feed_escape(static_cast<char>(byte - 0x40));
        if (c == escape || c == c1_lead) feed(c);
    } else if (in_string) {
        feed_string(c);
    } else if (c == escape) {
        where_ = Where::escape;
    } else if (where_ == Where::text) {
        if (c == c1_lead) where_ = Where::c1_lead;
    } else if (where_ == Where::escape) {
        feed_escape(c);
    } else if (where_ == Where::charset) {
        if (c >= 0x20 && c <= 0x2F) return;  // the name of the set has more characters
        set_bit(designated_, static_cast<int>(charset_slot_), c != 'B');
        where_ = Where::text;
    } else if (where_ == Where::coding) {
        utf8_left_ = c == '@';
        where_ = Where::text;
    } else if (c >= 0x40 && c <= 0x7E) {
        end_sequence(c);
        where_ = Where::text;
    } else if (c >= 0x20 && parameters_.size() < parameters_bytes_max) {
        parameters_ += c;
    }
}

void ModeTracker::feed_escape(char c) {
    static constexpr std::string_view slots = "()*+";
    static constexpr std::string_view slots_96 = "?-./";
    parameters_.clear();
    where_ = Where::text;
    if (c == '[') {
        where_ = Where::sequence;
    } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
        parameters_ = c;
        where_ = Where::string;
    } else if (const auto slot = std::min(slots.find(c), c == '?' ? slots.npos : slots_96.find(c));
               slot != slots.npos) {
        charset_slot_ = slot;
        where_ = Where::charset;
    } else if (c == '%') {
        where_ = Where::coding;
    } else if (c == '=' || c == '>') {
        keypad_ = c == '=';
    } else if (c == 'n' || c == 'o') {
        shifted_ = true;
    } else if (c == 'c') {  // full reset
        *this = ModeTracker();
        changed_ = true;
    }
}

void ModeTracker::feed_string(char c) {
    if (where_ == Where::string_escape) {
        where_ = Where::text;
        if (c == '\\') return end_string();
        if (c != escape) return feed_escape(c);  // another sequence ends the string as well
        where_ = Where::escape;
        return;
    }
    if (c == escape) {
        where_ = Where::string_escape;
    } else if (c == bell && parameters_.front() == ']') {
        where_ = Where::text;
        end_string();
    } else if (parameters_.size() < parameters_bytes_max) {
        parameters_ += c;
    }
}

void ModeTracker::end_sequence(char final) {
    const char first = parameters_.empty() ? '\0' : parameters_.front();
    if (first == '?') return end_private_modes(final);
    if (final == 'u') return end_key_reports(first);
    if (first == '>') return end_resource(final);
    end_plain_sequence(final);
}

void ModeTracker::end_private_modes(char final) {
    const auto list = std::string_view(parameters_).substr(1);
    if (final == 'i' && (list == "5" || list == "4")) return set_mode("?5i", list == "5");
    if (final == 'W' && list == "5") tab_stops_ = false;
    if (final != 'h' && final != 'l') return;
    for (std::string_view rest = list; !rest.empty();) {
        const auto end = rest.find(';');
        set_mode("?" + std::string(rest.substr(0, end)), final == 'h');
        if (rest.substr(0, end) == "12") cursor_blinks_ = final == 'h';
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
}

/// CSI > flags u pushes, CSI < count u pops, CSI = flags ; mode u sets.
void ModeTracker::end_key_reports(char kind) {
    auto& reports = key_reports();
    const auto value = std::string_view(parameters_).substr(parameters_.empty() ? 0 : 1);
    if (kind == '>') reports.pushed = std::min(reports.pushed + 1, pushed_max);
    if (kind == '<') reports.pushed = std::max(reports.pushed - std::max(number_of(value, 1), 1), 0);
    if (kind != '=') return;
    const auto mode = value.find(';');
    const bool clears = mode != std::string_view::npos && value.substr(mode + 1) == "3";
    const int flags = number_of(value, 0);
    if (reports.pushed > 0) return;  // the pop undoes it
    if (flags != 0 && !clears) reports.set = true;
    if (flags == 0 && (mode == std::string_view::npos || value.substr(mode + 1) == "1")) reports.set = false;
}

/// CSI > N ; V m sets xterm's modifier resource N, and resets it without V; CSI > N n switches it off; f sets the format.
void ModeTracker::end_resource(char final) {
    const auto list = std::string_view(parameters_).substr(1);
    if (!is_plain(list)) return;
    const auto end = list.find(';');
    const auto value = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    const int resource = std::clamp(number_of(list, 0), 0, 9);
    const bool on = value.find_first_not_of('0') != std::string_view::npos;
    if (final == 'm' && list.empty()) resources_ = 0;
    if (final == 'm' && !list.empty()) set_bit(resources_, resource, on);
    if (final == 'n' && resource != 4) set_bit(resources_, list.empty() ? 2 : resource, true);
    if (final == 'n' && resource == 4) set_bit(resources_, resource, false);  // off is the default
    if (final == 'f' && list.empty()) formats_ = 0;
    if (final == 'f' && !list.empty()) set_bit(formats_, resource, on);
}

void ModeTracker::end_plain_sequence(char final) {
    const std::string_view list = parameters_;
    if (list == "!" && final == 'p') return soft_reset();
    if (final == 'q' && list.ends_with(' ')) {
        cursor_shape_ = number_of(list, 0) != 0;
        cursor_blinks_ = false;
        return;
    }
    if (!is_plain(list)) return;
    if (final == 'm') colours_ = list.find_first_not_of("0;") != std::string_view::npos;
    if (final == 'r') margins_ = list.find_first_not_of(';') != std::string_view::npos;
    if (final == 'g' && list == "3") tab_stops_ = true;
    if (final == 'i' && (list == "5" || list == "4")) set_mode("5i", list == "5");
    if (final != 'h' && final != 'l') return;
    for (std::string_view rest = list; !rest.empty();) {
        const auto end = rest.find(';');
        set_mode(std::string(rest.substr(0, end)), final == 'h');
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
}

/// OSC: 4 and 10 to 19 set colours ("?" queries one), 104 and 110 to 119 reset them, 8 begins and ends a link.
void ModeTracker::end_string() {
    if (parameters_.front() != ']') return;
    const auto text = std::string_view(parameters_).substr(1);
    const int number = number_of(text, -1);
    const auto end = text.find(';');
    const auto value = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (number == 8) hyperlink_ = !value.ends_with(';');
    if (number == 104) palette_ = false;
    if (number >= 110 && number <= 119) set_bit(dynamic_colours_, number - 110, false);
    if (value.empty() || value.ends_with('?')) return;
    if (number == 4) palette_ = true;
    if (number >= 10 && number <= 19) set_bit(dynamic_colours_, number - 10, true);
}

void ModeTracker::set_mode(const std::string& name, bool on) {
    const auto* mode = find_mode(name);
    if (mode == nullptr) return;
    if (on == mode->usual) {
        modes_.erase(name);
    } else {
        modes_.insert(name);
    }
}

void ModeTracker::soft_reset() {
    for (const char* name : {"2", "4", "?1", "?6", "?7", "?25", "?66", "?69"}) modes_.erase(name);
    shifted_ = margins_ = keypad_ = colours_ = false;
    designated_ = 0;
}

bool ModeTracker::on_alternate_screen() const {
    return modes_.contains("?1049") || modes_.contains("?1047") || modes_.contains("?47");
}

/// Resets the margins, which moves the cursor. Leaving the alternate screen restores the cursor. Otherwise the cursor is saved
/// and restored, or left on the last line.
void ModeTracker::append_margins(std::string& out) const {
    const bool origin = modes_.contains("?6");
    if (origin) out += "\x1b[?6l";
    if (!margins_ && !origin) return;
    if (on_alternate_screen()) {
        out += "\x1b[r";
    } else {
        out += origin ? "\x1b[r\x1b[999;1H"
                      : "\x1b"
                        "7\x1b[r\x1b"
                        "8";
    }
}

void ModeTracker::append_colours(std::string& out) const {
    if (palette_) out += "\x1b]104\x1b\\";
    append_each(out, dynamic_colours_, "\x1b]", "\x1b\\", 110);
    if (hyperlink_) out += "\x1b]8;;\x1b\\";
    if (colours_) out += "\x1b[0m";
}

std::string ModeTracker::undo() const {
    static constexpr std::array designators{"\x1b(B", "\x1b)B", "\x1b*B", "\x1b+B"};
    const auto append_key_reports = [](std::string& out, const KeyReports& reports) {
        for (int i = 0; i < reports.pushed; ++i) out += "\x1b[<u";
        if (reports.set) out += "\x1b[=0u";
    };

    std::string out;
    if (where_ != Where::text && where_ != Where::c1_lead) out += "\x18\x1b\\";
    if (modes_.contains("5i")) out += "\x1b[4i";  // first, or the rest would be printed
    if (modes_.contains("?5i")) out += "\x1b[?4i";
    if (utf8_left_) out += "\x1b%G";
    if (shifted_) out += shift_in;
    for (std::size_t i = 0; i < designators.size(); ++i) {
        if ((designated_ >> i & 1U) != 0) out += designators[i];
    }
    append_margins(out);
    if (on_alternate_screen()) append_key_reports(out, key_reports_[1]);
    for (const auto& name : modes_) {
        if (name.ends_with('i') || name == "?6") continue;
        out += "\x1b[" + name + (find_mode(name)->usual ? "h" : "l");
    }
    append_key_reports(out, key_reports_[0]);
    append_each(out, resources_, "\x1b[>", "m");
    append_each(out, formats_, "\x1b[>", "f");
    if (cursor_shape_ || cursor_blinks_) out += "\x1b[0 q";  // the terminal's default
    if (keypad_) out += "\x1b>";
    if (tab_stops_) out += "\x1b[?5W";
    append_colours(out);
    return out;
}

}  // namespace vserctl
