#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vserctl {

/// What a person at `attach` asked for with the escape key.
enum class Key { quit, send_break, help, info, unknown };

/// Takes the commands out of what is typed: the escape key and then `.` quits, `b` break, `?` help, `i` info; the
/// escape key twice sends it. They may arrive in separate pieces.
class EscapeParser {
public:
    /// Bytes for the device and commands, in the order in which they were typed.
    using Piece = std::variant<std::string, Key>;

    /// -1: there are no commands.
    explicit EscapeParser(int escape_key) : escape_key_(escape_key) {}

    std::vector<Piece> feed(std::string_view typed);

private:
    int escape_key_;
    bool pending_ = false;
};

/// "^]" for 0x1d.
std::string key_name(int key);

}  // namespace vserctl
