#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vserctl/key_report.hpp"

namespace vserctl {

/// What a person at `attach` asked for with the escape key.
enum class Key { quit, send_break, discard, help, info, unknown };

/// Takes the commands out of what is typed: the escape key and then `.` quits, `b` break, `d` discard, `?` help, `i` info;
/// the escape key twice sends it. They may arrive in separate pieces, and as the key reports that a device may have
/// switched on (KeyReport). A report of which the end is missing is held back: see flush().
class EscapeParser {
public:
    /// Bytes for the device and commands, in the order in which they were typed.
    using Piece = std::variant<std::string, Key>;

    /// -1: there are no commands.
    explicit EscapeParser(int escape_key) : escape_key_(escape_key) {}

    std::vector<Piece> feed(std::string_view typed);
    /// True while bytes are held back that may begin a report: a lone ESC, for one.
    bool holds() const noexcept { return !held_.empty(); }
    /// No more follows in time: what is held back is keys of its own.
    std::vector<Piece> flush();

private:
    void take(char c);
    void take_held(char c);
    void take_byte(char c);
    void take_report(const std::string& sequence);
    void take_command(Key key);
    void release_held();

    int escape_key_;
    bool pending_ = false;                 // the escape key was typed, its command was not
    std::string held_;                     // the beginning of a sequence; bounded
    std::vector<std::uint32_t> consumed_;  // keys whose press did not reach the device; few
    std::vector<Piece> out_;               // of the call under way
    std::string bytes_;
};

/// "^]" for 0x1d.
std::string key_name(int key);

}  // namespace vserctl
