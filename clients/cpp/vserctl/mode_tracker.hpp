#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace vserctl {

/// Tracks the terminal modes that a device's output changes (alternate screen, hidden cursor, mouse, bracketed paste, keypad,
/// character sets, scroll region, insert mode, key reports, colours, printing, ...). vserctl undoes them at the end if the
/// device has not done so. Supports the sequences of xterm's ctlseqs and of kitty's keyboard protocol.
class ModeTracker {
public:
    void feed(std::string_view printed);
    /// The sequences that restore the terminal; empty if no mode has changed. It first ends an unfinished sequence of the
    /// device, which would otherwise include the text that follows.
    std::string undo() const;
    /// Whether the last feed() may have changed the result of undo().
    bool changed() const noexcept { return changed_; }

private:
    enum class Where { text, c1_lead, escape, charset, coding, sequence, string, string_escape };
    /// The key reports of one screen; kitty has a stack for each screen.
    struct KeyReports {
        int pushed = 0;
        bool set = false;
    };

    void feed(char c);
    void feed_escape(char c);
    void feed_string(char c);
    void end_sequence(char final);
    void end_private_modes(char final);
    void end_key_reports(char final);
    void end_resource(char final);
    void end_plain_sequence(char final);
    void end_string();
    void set_mode(const std::string& name, bool on);
    void soft_reset();
    bool on_alternate_screen() const;
    KeyReports& key_reports() { return key_reports_[on_alternate_screen() ? 1 : 0]; }
    void append_margins(std::string& out) const;
    void append_colours(std::string& out) const;

    Where where_ = Where::text;
    std::string parameters_;                 // of the present sequence or string; bounded
    std::set<std::string> modes_;            // known modes that differ from a fresh terminal: "4", "?1049"
    std::array<KeyReports, 2> key_reports_;  // of the main and of the alternate screen
    std::uint32_t resources_ = 0;            // bit N: xterm's modifier resource N (4: modifyOtherKeys)
    std::uint32_t formats_ = 0;              // bit N: xterm's format resource N
    std::uint32_t designated_ = 0;           // bit N: GN has a character set other than ASCII
    std::size_t charset_slot_ = 0;
    std::uint32_t dynamic_colours_ = 0;  // bit N: the colour of OSC 10 + N
    bool shifted_ = false;               // GL is not G0
    bool utf8_left_ = false;
    bool margins_ = false;
    bool cursor_shape_ = false;
    bool cursor_blinks_ = false;
    bool keypad_ = false;
    bool tab_stops_ = false;
    bool palette_ = false;
    bool hyperlink_ = false;
    bool colours_ = false;
    bool changed_ = false;
};

}  // namespace vserctl
