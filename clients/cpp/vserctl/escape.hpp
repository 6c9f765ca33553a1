#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vserctl/key_report.hpp"

namespace vserctl {

/// A command of `attach`, typed after the escape key.
enum class Key { quit, send_break, discard, help, info, who, acquire, release, unknown };

/// Separates commands from other input. The escape key is followed by `.` (quit), `b` (break), `d` (discard), `?` (help),
/// `i` (info), `w` (who), `t` (acquire) or `r` (release); typed twice, it sends itself. Keys may arrive in separate reads, and as
/// the key reports that a device may have switched on (KeyReport). An incomplete report is held back: see flush().
class EscapeParser {
public:
    /// Bytes for the device, or a command. In the order of typing.
    using Piece = std::variant<std::string, Key>;

    /// -1: no escape key, so no commands.
    explicit EscapeParser(int escape_key) : escape_key_(escape_key) {}

    std::vector<Piece> feed(std::string_view typed);
    /// Whether bytes are held back that may begin a report, such as a lone ESC.
    bool holds() const noexcept { return !held_.empty(); }
    /// Call when no more input arrives in time: returns the bytes that are held back as ordinary keys.
    std::vector<Piece> flush();

private:
    void take(char c);
    void take_held(char c);
    void take_byte(char c);
    void take_report(const std::string& sequence);
    void take_command(Key key);
    void release_held();

    int escape_key_;
    bool pending_ = false;                 // the escape key was typed, and its command not yet
    std::string held_;                     // an incomplete sequence; bounded
    std::vector<std::uint32_t> consumed_;  // keys whose press was not sent to the device; bounded
    std::vector<Piece> out_;               // result of the present call
    std::string bytes_;
};

/// "^]" for 0x1d.
std::string key_name(int key);

}  // namespace vserctl
