#include "vserctl/escape.hpp"

#include <algorithm>
#include <utility>

namespace vserctl {
namespace {

constexpr char esc = '\x1b';
constexpr std::size_t held_bytes_max = 64;
constexpr std::size_t consumed_max = 8;
constexpr std::string_view old_mouse_report = "\x1b[M";
constexpr std::size_t old_mouse_report_bytes = 6;

Key key_of(char c) {
    switch (c) {
        case '.': return Key::quit;
        case 'b':
        case 'B': return Key::send_break;
        case 'd':
        case 'D': return Key::discard;
        case '?':
        case 'h': return Key::help;
        case 'i': return Key::info;
        case 'w': return Key::who;
        case 't': return Key::acquire;
        case 'r': return Key::release;
        default: return Key::unknown;
    }
}

}  // namespace

std::vector<EscapeParser::Piece> EscapeParser::feed(std::string_view typed) {
    if (escape_key_ < 0) {
        bytes_ = typed;
    } else {
        for (const char c : typed) take(c);
    }
    if (!bytes_.empty()) out_.emplace_back(std::exchange(bytes_, {}));
    return std::exchange(out_, {});
}

std::vector<EscapeParser::Piece> EscapeParser::flush() {
    release_held();
    return feed({});
}

void EscapeParser::take(char c) {
    if (!held_.empty()) {
        take_held(c);
    } else if (c == esc && escape_key_ != esc) {
        held_ = c;
    } else {
        take_byte(c);
    }
}

void EscapeParser::take_held(char c) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_mouse = held_.starts_with(old_mouse_report);
    const bool fits = held_.size() == 1 ? c == '[' : is_mouse || (byte >= 0x20 && byte <= 0x7E);
    if (!fits || held_.size() == held_bytes_max) {
        release_held();
        return take(c);
    }
    held_ += c;
    const bool ends = is_mouse ? held_.size() == old_mouse_report_bytes
                               : held_.size() > 2 && byte >= 0x40 && held_ != old_mouse_report;
    if (ends) take_report(std::exchange(held_, {}));
}

void EscapeParser::release_held() {
    for (const char c : std::exchange(held_, {})) take_byte(c);
}

void EscapeParser::take_byte(char c) {
    const bool is_escape = static_cast<unsigned char>(c) == escape_key_;
    if (is_escape == pending_) {  // an ordinary byte, or the escape key for the second time
        bytes_ += c;
        pending_ = false;
    } else if (is_escape) {
        pending_ = true;
    } else {
        take_command(key_of(c));
    }
}

void EscapeParser::take_report(const std::string& sequence) {
    using Kind = KeyReport::Kind;
    const auto report = parse_key_report(sequence);
    const bool was_consumed =
        std::find(consumed_.begin(), consumed_.end(), report.code) != consumed_.end() && report.kind != Kind::not_a_key;
    if (report.kind == Kind::not_a_key || (report.kind != Kind::press && !was_consumed)) {
        bytes_ += sequence;  // pending_ stays set
        return;
    }
    if (report.kind == Kind::repeat) return;  // the press was not sent either
    if (report.kind == Kind::release) {
        std::erase(consumed_, report.code);
        return;
    }
    std::erase(consumed_, report.code);
    const bool is_escape = report.control == escape_key_;
    if (is_escape == pending_) {
        bytes_ += sequence;
        pending_ = false;
        return;
    }
    if (consumed_.size() < consumed_max) consumed_.push_back(report.code);
    if (is_escape) {
        pending_ = true;
    } else {
        take_command(key_of(report.text));
    }
}

void EscapeParser::take_command(Key key) {
    pending_ = false;
    if (!bytes_.empty()) out_.emplace_back(std::exchange(bytes_, {}));
    out_.emplace_back(key);
}

std::string key_name(int key) { return key < 0 ? "none" : std::string("^") + static_cast<char>(key | 0x40); }

}  // namespace vserctl
