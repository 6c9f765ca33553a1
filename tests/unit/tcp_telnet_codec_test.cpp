#include "tcp/telnet_codec.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace vserd::tcp {
namespace {

using std::string_literals::operator""s;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What a codec makes of an input.
struct Decoded {
    std::string data;
    std::string answers;
    int breaks = 0;
    int questions = 0;                         ///< AYT
    std::vector<std::string> subnegotiations;  ///< option and content

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

void decode(TelnetCodec& codec, const std::string& text, Decoded& into) {
    auto input = bytes_of(text);
    while (const auto piece = codec.next(input, into.answers)) {
        if (const auto* data = std::get_if<TelnetData>(&*piece)) into.data += text_of(data->bytes);
        if (std::holds_alternative<TelnetBreak>(*piece)) ++into.breaks;
        if (std::holds_alternative<TelnetAreYouThere>(*piece)) ++into.questions;
        if (const auto* content = std::get_if<TelnetSubnegotiation>(&*piece)) {
            into.subnegotiations.push_back(static_cast<char>(content->option) + text_of(content->content));
        }
    }
    EXPECT_TRUE(input.empty());
}

Decoded decode(TelnetCodec& codec, const std::string& text) {
    Decoded result;
    decode(codec, text, result);
    return result;
}

std::string encode(TelnetCodec& codec, const std::string& text) {
    std::string out;
    codec.encode(bytes_of(text), out);
    return out;
}

/// A codec whose peer agreed to BINARY in both directions.
TelnetCodec binary_codec() {
    TelnetCodec codec(false);
    std::string out;
    codec.start(out);
    decode(codec, "\xff\xfb\x00\xff\xfd\x00"s);
    return codec;
}

TEST(TelnetCodec, PlainBytesAreData) {
    TelnetCodec codec(false);

    EXPECT_EQ(decode(codec, "login: \x80\xfe"s).data, "login: \x80\xfe");
}

TEST(TelnetCodec, DoubledIacIsOneByteOfData) {  // RFC 854
    TelnetCodec codec(false);

    EXPECT_EQ(decode(codec,
                     "a\xff\xff"
                     "b"s)
                  .data,
              "a\xff"
              "b");
}

TEST(TelnetCodec, CarriageReturnNulIsCarriageReturnUntilBinary) {  // RFC 854, 856
    TelnetCodec terminal(false);
    TelnetCodec binary = binary_codec();

    EXPECT_EQ(decode(terminal, "a\r\0b\r\nc\r"s).data, "a\rb\r\nc\r");
    EXPECT_EQ(decode(terminal, "\0d"s).data, "d") << "the NUL belongs to the CR before it";
    EXPECT_EQ(decode(binary, "a\r\0b"s).data, "a\r\0b"s);
}

TEST(TelnetCodec, BreakAndAreYouThereAreCommands) {  // RFC 854
    TelnetCodec codec(false);

    const Decoded result = decode(codec,
                                  "a\xff\xf3"
                                  "b\xff\xf6"
                                  "c"s);

    EXPECT_EQ(result.data, "abc");
    EXPECT_EQ(result.breaks, 1);
    EXPECT_EQ(result.questions, 1);
}

TEST(TelnetCodec, OtherCommandsAreIgnored) {
    TelnetCodec codec(false);

    const Decoded result = decode(codec,
                                  "a\xff\xf1\xff\xf2\xff\xf4\xff\xf9\xff\xf0\xff\x01"
                                  "b"s);

    EXPECT_EQ(result.data, "ab");
    EXPECT_EQ(result.answers, "");
}

TEST(TelnetCodec, ServerAsksForItsOptions) {
    TelnetCodec telnet(false);
    TelnetCodec com_port(true);
    std::string of_telnet;
    std::string of_com_port;

    telnet.start(of_telnet);
    com_port.start(of_com_port);

    const std::string expected = "\xff\xfb\x00\xff\xfb\x01\xff\xfb\x03\xff\xfd\x00\xff\xfd\x03"s;
    EXPECT_EQ(of_telnet, expected);
    EXPECT_EQ(of_com_port, expected + "\xff\xfd\x2c");
}

TEST(TelnetCodec, AgreementToWhatWasAskedNeedsNoAnswer) {  // RFC 1143: no loops
    TelnetCodec codec(false);
    std::string out;
    codec.start(out);

    EXPECT_EQ(decode(codec, "\xff\xfd\x01\xff\xfd\x01\xff\xfd\x03\xff\xfb\x03"s).answers, "");
}

TEST(TelnetCodec, UnknownOptionsAreRefusedEachTime) {  // RFC 855
    TelnetCodec codec(false);

    EXPECT_EQ(decode(codec, "\xff\xfb\x1f"s).answers, "\xff\xfe\x1f") << "WILL NAWS: DONT";
    EXPECT_EQ(decode(codec, "\xff\xfd\x05"s).answers, "\xff\xfc\x05") << "DO STATUS: WONT";
    EXPECT_EQ(decode(codec, "\xff\xfc\x1f\xff\xfe\x05"s).answers, "") << "a no is not answered";
}

TEST(TelnetCodec, OptionsOfThePeerAreAcceptedOnce) {
    TelnetCodec codec(true);

    EXPECT_EQ(decode(codec, "\xff\xfb\x2c"s).answers, "\xff\xfd\x2c") << "WILL COM-PORT: DO";
    EXPECT_EQ(decode(codec, "\xff\xfb\x2c"s).answers, "");
    EXPECT_TRUE(codec.com_port_on());
    EXPECT_EQ(decode(codec, "\xff\xfc\x2c"s).answers, "\xff\xfe\x2c") << "WONT: it ends";
    EXPECT_FALSE(codec.com_port_on());
    EXPECT_EQ(decode(codec, "\xff\xfc\x2c"s).answers, "");
}

TEST(TelnetCodec, EchoOfThePeerIsRefused) {  // RFC 857: both would echo for ever
    TelnetCodec codec(false);

    EXPECT_EQ(decode(codec, "\xff\xfb\x01"s).answers, "\xff\xfe\x01");
    EXPECT_EQ(decode(codec, "\xff\xfd\x01"s).answers, "\xff\xfb\x01");
}

TEST(TelnetCodec, ComPortIsRefusedWhereItIsNotServed) {
    TelnetCodec codec(false);

    EXPECT_EQ(decode(codec, "\xff\xfb\x2c\xff\xfd\x2c"s).answers, "\xff\xfe\x2c\xff\xfc\x2c");
}

TEST(TelnetCodec, SubnegotiationIsPassedOnWithSingleIacs) {  // RFC 855, 2217
    TelnetCodec codec(true);

    const Decoded result = decode(codec,
                                  "a\xff\xfa\x2c\x01\x00\x00\xff\xff\x00\xff\xf0"
                                  "b"s);

    EXPECT_EQ(result.data, "ab");
    ASSERT_EQ(result.subnegotiations.size(), 1U);
    EXPECT_EQ(result.subnegotiations[0], "\x2c\x01\x00\x00\xff\x00"s);
}

TEST(TelnetCodec, LongestSubnegotiationIsTakenAndALongerOneIsDiscarded) {
    for (const std::string& filler : {"x"s, "\xff\xff"s}) {
        TelnetCodec codec(true);
        std::string longest = "\xff\xfa\x2c"s;
        for (std::size_t i = 1; i < subnegotiation_bytes_max; ++i) longest += filler;

        EXPECT_EQ(decode(codec, longest + "\xff\xf0"s).subnegotiations.at(0).size(), subnegotiation_bytes_max);
        EXPECT_EQ(codec.oversized(), 0U);
        const Decoded longer = decode(codec, longest + filler +
                                                 "\xff\xf0"
                                                 "after"s);
        EXPECT_TRUE(longer.subnegotiations.empty());
        EXPECT_EQ(longer.data, "after");
        EXPECT_EQ(codec.oversized(), 1U);
    }
}

TEST(TelnetCodec, ACommandInsideASubnegotiationEndsIt) {
    TelnetCodec codec(true);

    const Decoded result = decode(codec,
                                  "\xff\xfa\x2c\x01\xff\xf3"
                                  "a\xff\xfa\x2c\x00\xff\xf0"s);

    EXPECT_EQ(result.breaks, 1);
    EXPECT_EQ(result.data, "a");
    EXPECT_EQ(result.subnegotiations, std::vector{"\x2c\0"s});
}

TEST(TelnetCodec, InputInPiecesIsTheSameAsInOne) {
    const std::string text =
        "a\r\0b\xff\xff\xff\xf3\xff\xfb\x2c\xff\xfd\x1f\xff\xfa\x2c\x05\x08\xff\xf0\xff\xfc\x00\r\0z"s;
    TelnetCodec whole(true);
    TelnetCodec pieces(true);
    Decoded by_byte;

    for (const char byte : text) decode(pieces, std::string(1, byte), by_byte);

    EXPECT_EQ(decode(whole, text), by_byte);
}

TEST(TelnetCodec, EncodingDoublesIac) {
    TelnetCodec codec = binary_codec();

    EXPECT_FALSE(codec.needs_encoding(bytes_of("a\r\n")));
    EXPECT_TRUE(codec.needs_encoding(bytes_of("\xff")));
    EXPECT_EQ(encode(codec, "a\xff\r\xff"s), "a\xff\xff\r\xff\xff");
}

TEST(TelnetCodec, EncodingEndsLinesAsATerminalDoesUntilBinary) {
    TelnetCodec codec(false);

    EXPECT_TRUE(codec.needs_encoding(bytes_of("\r")));
    EXPECT_EQ(encode(codec, "a\r\nb\rc\r"s), "a\r\nb\r\0c\r"s);
    EXPECT_TRUE(codec.needs_encoding(bytes_of("x"))) << "the second byte of the CR is still to come";
    EXPECT_EQ(encode(codec, "x"s), "\0x"s);
    EXPECT_EQ(encode(codec, "\r"s) + encode(codec, "\n"s), "\r\n"s);
}

TEST(TelnetCodec, ComPortClientIsBinaryUntilItRefuses) {
    TelnetCodec codec(true);
    std::string out;
    codec.start(out);

    EXPECT_EQ(decode(codec, "\r\0"s).data, "\r\0"s);
    EXPECT_FALSE(codec.needs_encoding(bytes_of("\r")));
    decode(codec, "\xff\xfc\x00\xff\xfe\x00"s);
    EXPECT_EQ(decode(codec, "\r\0"s).data, "\r");
    EXPECT_EQ(encode(codec, "\rx"s), "\r\0x"s);
}

/// Long runs of plain bytes, and CR, LF, NUL and IAC close to each other, at every distance from the borders of a search.
std::string mixed_bytes() {
    std::string bytes;
    for (std::size_t plain = 0; plain < 600; ++plain) {
        bytes += std::string(plain % 300, 'x') + std::string("\r\n\r\0\xff\r\xff\xff\n\0", 10).substr(plain % 9);
    }
    return bytes;
}

TEST(TelnetCodec, HowBytesArriveMakesNoDifference) {
    const std::string bytes = mixed_bytes();
    for (const bool com_port : {false, true}) {
        TelnetCodec at_once(com_port);
        TelnetCodec one_by_one(com_port);
        std::string slowly;

        for (const char byte : bytes) slowly += encode(one_by_one, std::string(1, byte));
        const std::string encoded = encode(at_once, bytes);

        EXPECT_EQ(encoded, slowly);
        Decoded pieces;
        for (const char byte : encoded) decode(one_by_one, std::string(1, byte), pieces);
        EXPECT_EQ(decode(at_once, encoded), pieces);
        EXPECT_EQ(pieces.data, bytes);
    }
}

}  // namespace
}  // namespace vserd::tcp
