#pragma once

#include <cstdint>
#include <string_view>

namespace vserctl {

/// A control sequence from the terminal, as far as the escape key needs it. Supports the reports of kitty's keyboard protocol
/// (CSI code ; modifiers u), of xterm's modifyOtherKeys (CSI 27 ; modifiers ; code ~) and of Windows
/// (CSI Vk;Sc;Uc;Kd;Cs;Rc _).
struct KeyReport {
    enum class Kind {
        press,
        repeat,
        release,
        not_a_key,  ///< mouse, focus, an answer to a query, a modifier alone
    };
    Kind kind = Kind::press;
    int control = -1;        ///< the control character that the key sends without key reports; -1: none
    char text = '\0';        ///< the key's ASCII character; 0: none
    std::uint32_t code = 0;  ///< the same in the press and the release of a key
};

/// `sequence` is complete: "ESC [", parameters, a final byte (and the three bytes of an old mouse report).
KeyReport parse_key_report(std::string_view sequence);

}  // namespace vserctl
