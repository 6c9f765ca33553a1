#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace vserctl {

/// Watches what a device prints for terminal modes that it changes (alternate screen, hidden cursor, mouse, bracketed
/// paste, keypad, character sets, scroll region, insert mode, key reports, colours, printing, ...), so that they can be
/// undone when the device did not do it before we leave. The sequences are those of xterm's ctlseqs and of kitty's
/// keyboard protocol.
class ModeTracker {
public:
    void feed(std::string_view printed);
    /// What brings the terminal back; empty when there is nothing to undo. Begins by ending a sequence that the device
    /// left unfinished, which would swallow what follows.
    std::string undo() const;
    /// True when the last feed() may have changed what undo() gives.
    bool changed() const noexcept { return changed_; }

private:
    enum class Where { text, c1_lead, escape, charset, coding, sequence, string, string_escape };
    /// The key reports of one screen: kitty keeps a stack for each.
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
    std::string parameters_;                 // of the sequence or string under way; bounded
    std::set<std::string> modes_;            // "4", "?1049": modes that are not as in a fresh terminal; only known ones
    std::array<KeyReports, 2> key_reports_;  // of the main and of the alternate screen
    std::uint32_t resources_ = 0;            // bit N: xterm's modifier resource N (4: modifyOtherKeys)
    std::uint32_t formats_ = 0;              // bit N: xterm's format resource N
    std::uint32_t designated_ = 0;           // bit N: GN holds another character set than ASCII
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
