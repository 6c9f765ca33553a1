#include "vserctl/escape.hpp"

#include <utility>

namespace vserctl {
namespace {

Key key_of(char c) {
    switch (c) {
        case '.': return Key::quit;
        case 'b':
        case 'B': return Key::send_break;
        case '?':
        case 'h': return Key::help;
        case 'i': return Key::info;
        default: return Key::unknown;
    }
}

}  // namespace

std::vector<EscapeParser::Piece> EscapeParser::feed(std::string_view typed) {
    std::vector<Piece> out;
    std::string bytes;
    for (const char c : typed) {
        const bool is_escape = static_cast<unsigned char>(c) == escape_key_;
        if (is_escape == pending_) {  // an ordinary byte, or the escape key for the second time
            bytes += c;
            pending_ = false;
        } else if (is_escape) {
            pending_ = true;
        } else {
            pending_ = false;
            if (!bytes.empty()) out.emplace_back(std::exchange(bytes, {}));
            out.emplace_back(key_of(c));
        }
    }
    if (!bytes.empty()) out.emplace_back(std::move(bytes));
    return out;
}

std::string key_name(int key) { return key < 0 ? "none" : std::string("^") + static_cast<char>(key | 0x40); }

}  // namespace vserctl
