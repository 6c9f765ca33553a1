#pragma once

#include <cstdint>
#include <string_view>

namespace vserctl {

/// A control sequence that a terminal sent, as far as it matters to the escape key. Known are the reports of kitty's
/// keyboard protocol (CSI code ; modifiers u), of xterm's modifyOtherKeys (CSI 27 ; modifiers ; code ~) and of Windows
/// (CSI Vk;Sc;Uc;Kd;Cs;Rc _).
struct KeyReport {
    enum class Kind {
        press,
        repeat,
        release,
        not_a_key,  ///< the mouse, the focus, an answer to a question, a modifier alone
    };
    Kind kind = Kind::press;
    int control = -1;        ///< the control character that the key is without reports; -1: none
    char text = '\0';        ///< the ASCII character that it is; 0: none, or another
    std::uint32_t code = 0;  ///< the same in the press and the release of a key
};

/// `sequence` is whole: "ESC [", parameters, a final byte (and the three bytes of an old mouse report).
KeyReport parse_key_report(std::string_view sequence);

}  // namespace vserctl
