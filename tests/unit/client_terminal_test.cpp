#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "vserctl/escape.hpp"
#include "vserctl/mode_tracker.hpp"

namespace vserctl {
namespace {

std::string typed_bytes(const std::vector<EscapeParser::Piece>& pieces) {
    std::string out;
    for (const auto& piece : pieces) out += std::holds_alternative<Key>(piece) ? "<key>" : std::get<std::string>(piece);
    return out;
}

TEST(Escape, CommandsAreTakenOutInOrder) {
    EscapeParser parser(0x1d);

    const auto pieces = parser.feed(
        "ab\x1d"
        "bcd\x1d.");

    ASSERT_EQ(pieces.size(), 4U);
    EXPECT_EQ(std::get<Key>(pieces[1]), Key::send_break);
    EXPECT_EQ(std::get<std::string>(pieces[2]), "cd");
    EXPECT_EQ(std::get<Key>(pieces[3]), Key::quit);
}

TEST(Escape, ItMayBeSplitAndDoubled) {
    EscapeParser parser(0x1d);
    EXPECT_EQ(typed_bytes(parser.feed("a\x1d")), "a");
    EXPECT_EQ(typed_bytes(parser.feed("?")), "<key>");
    EXPECT_EQ(typed_bytes(parser.feed("\x1d")), "");
    EXPECT_EQ(typed_bytes(parser.feed("\x1d"
                                      "b")),
              "\x1d"
              "b");
}

TEST(Escape, NoneMeansNone) { EXPECT_EQ(typed_bytes(EscapeParser(-1).feed("\x1d.\xff")), "\x1d.\xff"); }

TEST(Modes, OnlyWhatWasChangedIsUndone) {
    ModeTracker modes;
    modes.feed("plain text\r\n\x1b[31mred\x1b[0m");
    EXPECT_EQ(modes.undo(), "");
    modes.feed("\x1b[?1049h\x1b[?25l\x1b[?2004;1000h");
    modes.feed("\x1b[?2004l\x1b[?12345h\x1b[1;32m");
    EXPECT_EQ(modes.undo(), "\x1b[?1000l\x1b[?1049l\x1b[?25h\x1b[0m");
    modes.feed(
        "\x1b"
        "c");
    EXPECT_EQ(modes.undo(), "");
}

TEST(Modes, SequencesMayBeSplitAnywhere) {
    const std::string all = "x\x1b[?1049hy\x1b=z";
    for (std::size_t at = 0; at <= all.size(); ++at) {
        ModeTracker modes;
        modes.feed(std::string_view(all).substr(0, at));
        modes.feed(std::string_view(all).substr(at));
        EXPECT_EQ(modes.undo(), "\x1b[?1049l\x1b>") << at;
    }
}

/// Ctrl-] and then "." in the encodings that terminals have.
struct Encoding {
    const char* name;
    const char* escape;
    const char* quit;
};

class EscapeEncoding : public testing::TestWithParam<Encoding> {};

TEST_P(EscapeEncoding, TheEscapeKeyAndTheKeyAfterItAreKnown) {
    EscapeParser parser(0x1d);

    EXPECT_EQ(typed_bytes(parser.feed(std::string("a") + GetParam().escape)), "a");
    const auto command = parser.feed(GetParam().quit);

    ASSERT_EQ(typed_bytes(command).substr(0, 5), "<key>");
    EXPECT_EQ(std::get<Key>(command[0]), Key::quit);
}

TEST_P(EscapeEncoding, TwiceSendsTheKeyAsItWasTyped) {
    EscapeParser parser(0x1d);
    const std::string escape = GetParam().escape;

    EXPECT_EQ(typed_bytes(parser.feed(escape + escape + "x")), escape + "x");
}

TEST_P(EscapeEncoding, ItMayBeSplitAnywhere) {
    const std::string all = std::string(GetParam().escape) + GetParam().quit + "x";
    for (std::size_t at = 0; at <= all.size(); ++at) {
        EscapeParser parser(0x1d);
        auto shown = typed_bytes(parser.feed(std::string_view(all).substr(0, at)));
        shown += typed_bytes(parser.feed(std::string_view(all).substr(at)));
        EXPECT_EQ(shown, "<key>x") << at;
    }
}

INSTANTIATE_TEST_SUITE_P(Of, EscapeEncoding,
                         testing::Values(Encoding{"legacy", "\x1d", "."}, Encoding{"kitty", "\x1b[93;5u", "."},
                                         Encoding{"kitty_all_keys", "\x1b[93;5u", "\x1b[46u"},
                                         Encoding{"kitty_event_types", "\x1b[93;5:1u", "\x1b[46;1:1u"},
                                         Encoding{"kitty_alternate_keys", "\x1b[93::93;5u", "\x1b[46;1;46u"},
                                         Encoding{"kitty_shifted_key", "\x1b[93:125;5u", "\x1b[46:62;1u"},
                                         Encoding{"kitty_num_lock", "\x1b[93;133u", "\x1b[46;129u"},
                                         Encoding{"kitty_caps_lock", "\x1b[93;69u", "\x1b[46;65u"},
                                         Encoding{"kitty_cyrillic", "\x1b[1098::93;5u", "\x1b[1102::46u"},
                                         Encoding{"control_held", "\x1b[93;5u", "\x1b[46;5u"},
                                         Encoding{"control_and_5", "\x1b[53;5u", "."},
                                         Encoding{"modify_other_keys", "\x1b[27;5;93~", "."},
                                         Encoding{"modify_other_keys_3", "\x1b[27;5;93~", "\x1b[27;1;46~"},
                                         Encoding{"windows", "\x1b[221;27;29;1;8;1_", "\x1b[190;52;46;1;0;1_"}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Escape, HelpIsKnownWithShift) {
    for (const char* question : {"?", "\x1b[47:63;2u", "\x1b[47;2u", "\x1b[47;2;63u", "\x1b[27;2;63~", "\x1b[104u"}) {
        EscapeParser parser(0x1d);
        const auto pieces = parser.feed(std::string("\x1b[93;5u") + question);
        ASSERT_EQ(pieces.size(), 1U) << question;
        EXPECT_EQ(std::get<Key>(pieces[0]), Key::help) << question;
    }
}

TEST(Escape, ReleasesOfWhatWasTakenAreTakenAndOthersAreSent) {
    EscapeParser parser(0x1d);
    const std::string control_down = "\x1b[57442;5u";
    const std::string control_up = "\x1b[57442;1:3u";

    const auto pieces = parser.feed(control_down + "\x1b[93;5u\x1b[93;5:2u\x1b[93;5:3u" + control_up +
                                    "\x1b[98u\x1b[98;1:3u\x1b[99;1:3u");

    EXPECT_EQ(typed_bytes(pieces), control_down + control_up + "<key>\x1b[99;1:3u");
    EXPECT_EQ(std::get<Key>(pieces[1]), Key::send_break);
}

TEST(Escape, WhatIsNotAKeyDoesNotEndTheCommand) {
    for (const std::string report :
         {"\x1b[<35;10;20M", "\x1b[I", "\x1b[O", "\x1b[12;40R", "\x1b[?62;22c", "\x1b[M !!"}) {
        EscapeParser parser(0x1d);
        EXPECT_EQ(typed_bytes(parser.feed("\x1d" + report + ".")), report + "<key>");
    }
}

TEST(Escape, OtherKeysAndReportsAreSentAsTheyAre) {
    for (const std::string typed : {"\x1b[A", "\x1b[1;5C", "\x1b[93;6u", "\x1b[93u", "\x1b[91;5u", "\x1b[93;7u",
                                    "\x1b[27;6;125~", "\x1bO", "\x1b[15~", "\x1b[200~x\x1b[201~", "\x1b[<0;1;2m"}) {
        EscapeParser parser(0x1d);
        EXPECT_EQ(typed_bytes(parser.feed(typed)), typed);
    }
}

TEST(Escape, OtherEscapeKeysHaveReportsToo) {
    EXPECT_EQ(typed_bytes(EscapeParser(0x01).feed("\x1b[97;5u.")), "<key>");
    EXPECT_EQ(typed_bytes(EscapeParser(0x1e).feed("\x1b[54:94;6u.")), "<key>");  // Ctrl and Shift and 6
    EXPECT_EQ(typed_bytes(EscapeParser(0x1f).feed("\x1b[27;6;95~.")), "<key>");
}

TEST(Escape, ALoneEscapeKeyIsHeldUntilItsTimeIsOver) {
    EscapeParser parser(0x1d);
    EXPECT_EQ(typed_bytes(parser.feed("a\x1b")), "a");
    EXPECT_TRUE(parser.holds());
    EXPECT_EQ(typed_bytes(parser.flush()), "\x1b");
    EXPECT_FALSE(parser.holds());
}

TEST(Escape, WhatNeverEndsIsNotHeld) {
    EscapeParser parser(0x1d);
    const std::string endless = "\x1b[" + std::string(500, '1');
    EXPECT_EQ(typed_bytes(parser.feed(endless)), endless);
}

struct Switched {
    const char* printed;
    const char* undone;
};

class ModesOf : public testing::TestWithParam<Switched> {};

TEST_P(ModesOf, AreUndoneAndLeaveNothingToUndo) {
    ModeTracker modes;
    modes.feed(GetParam().printed);

    const auto undo = modes.undo();

    EXPECT_EQ(undo, GetParam().undone);
    modes.feed(undo);
    EXPECT_EQ(modes.undo(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Devices, ModesOf,
    testing::Values(
        Switched{"\x0e", "\x0f"}, Switched{"\x1b(0", "\x1b(B"}, Switched{"\x1b)0\x0e", "\x0f\x1b)B"},
        Switched{"\x1b*A\x1b+%5", "\x1b*B\x1b+B"}, Switched{"\x1bn", "\x0f"}, Switched{"\x1b%@", "\x1b%G"},
        Switched{"\x1b[5;10r",
                 "\x1b"
                 "7\x1b[r\x1b"
                 "8"},
        Switched{"\x1b[?6h\x1b[5r", "\x1b[?6l\x1b[r\x1b[999;1H"}, Switched{"\x1b[?1049h\x1b[2;3r", "\x1b[r\x1b[?1049l"},
        Switched{"\x1b[4h", "\x1b[4l"}, Switched{"\x1b[20;2h", "\x1b[2l\x1b[20l"}, Switched{"\x1b[12l", "\x1b[12h"},
        Switched{"\x1b[?7;25l", "\x1b[?25h\x1b[?7h"}, Switched{"\x1b[?1000;1006h", "\x1b[?1000l\x1b[?1006l"},
        Switched{"\x1b[?2026h", "\x1b[?2026l"}, Switched{"\x1b[>1u", "\x1b[<u"},
        Switched{"\x1b[>1u\x1b[>5u", "\x1b[<u\x1b[<u"}, Switched{"\x1b[=5;1u", "\x1b[=0u"},
        Switched{"\x1b[>1u\x1b[?1049h\x1b[>3u", "\x1b[<u\x1b[?1049l\x1b[<u"}, Switched{"\x1b[>4;2m", "\x1b[>4m"},
        Switched{"\x1b[>1;3m\x1b[>4;1f", "\x1b[>1m\x1b[>4f"}, Switched{"\x1b[?9001h", "\x1b[?9001l"},
        Switched{"\x1b[5 q", "\x1b[0 q"}, Switched{"\x1b[?12;25h", "\x1b[0 q"}, Switched{"\x1b=", "\x1b>"},
        Switched{"\x1b[3g", "\x1b[?5W"}, Switched{"\x1b[5i", "\x1b[4i"}, Switched{"\x1b[?5i", "\x1b[?4i"},
        Switched{"\x1b]11;#000\a", "\x1b]111\x1b\\"}, Switched{"\x1b]4;1;red\x1b\\", "\x1b]104\x1b\\"},
        Switched{"\x1b]8;;http://x\a", "\x1b]8;;\x1b\\"}, Switched{"\xC2\x9B?25l", "\x1b[?25h"},
        Switched{"\x1b[0;7m", "\x1b[0m"}, Switched{"\x1b]2;title that never ends", "\x18\x1b\\"},
        Switched{"\x1bP", "\x18\x1b\\"}, Switched{"\x1b[?25", "\x18\x1b\\"}));

TEST(Modes, WhatTheDeviceTookBackIsNotUndone) {
    for (const char* printed :
         {"\x1b(0\x1b(B", "\x0e\x0f", "\x1b[2;5r\x1b[r", "\x1b[4h\x1b[4l", "\x1b[>1u\x1b[<u", "\x1b[>4;2m\x1b[>4m",
          "\x1b[>4;2m\x1b[>4n", "\x1b[=1;1u\x1b[=0;1u", "\x1b[4h\x1b[5;6r\x1b[?6h\x1b(0\x1b[!p", "\x1b]11;?\a",
          "\x1b[?u", "\x1b[6n", "\x1b[?25h", "caf\xC3\xA9 \xE2\x94\x9B"}) {
        ModeTracker modes;
        modes.feed(printed);
        EXPECT_EQ(modes.undo(), "") << printed;
    }
}

}  // namespace
}  // namespace vserctl
