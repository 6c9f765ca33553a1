#include "tcp/telnet_codec.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace vserd::tcp {
namespace {

using namespace telnet;

constexpr std::byte iac_byte{iac};
constexpr std::byte cr_byte{'\r'};
constexpr std::byte lf_byte{'\n'};
constexpr std::size_t look_ahead_bytes = 256;

/// The options in the order of the codec's slots.
constexpr std::array<std::uint8_t, 4> options{option_binary, option_echo, option_suppress_go_ahead, option_com_port};

bool contains(std::span<const std::byte> bytes, std::byte wanted) {
    return !bytes.empty() && std::memchr(bytes.data(), std::to_integer<int>(wanted), bytes.size()) != nullptr;
}

std::size_t find(std::span<const std::byte> bytes, std::byte wanted) {
    if (bytes.empty()) return 0;
    const void* found = std::memchr(bytes.data(), std::to_integer<int>(wanted), bytes.size());
    return found == nullptr ? bytes.size()
                            : static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
}

/// How many bytes come before the first IAC or, on a terminal, CR. Looks a little ahead only: otherwise each line of many
/// would search all the lines that follow.
std::size_t plain_size(std::span<const std::byte> bytes, bool terminal) {
    if (!terminal) return find(bytes, iac_byte);
    std::size_t size = 0;
    while (size < bytes.size()) {
        const auto ahead = bytes.subspan(size, std::min(look_ahead_bytes, bytes.size() - size));
        const std::size_t plain = find(ahead.first(find(ahead, cr_byte)), iac_byte);
        size += plain;
        if (plain < ahead.size()) break;
    }
    return size;
}

void append(std::string& out, std::initializer_list<std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) out += static_cast<char>(byte);
}

}  // namespace

void TelnetCodec::start(std::string& out) {
    for (std::size_t slot = 0; slot < slots; ++slot) {
        if (slot == com_port_slot) continue;
        if (ours_[slot].ask()) append(out, {iac, will, options[slot]});
    }
    if (his_[binary_slot].ask()) append(out, {iac, do_it, option_binary});
    if (his_[2].ask()) append(out, {iac, do_it, option_suppress_go_ahead});
    if (com_port_ && his_[com_port_slot].ask()) append(out, {iac, do_it, option_com_port});
}

std::optional<TelnetInput> TelnetCodec::next(std::span<const std::byte>& input, std::string& out) {
    while (!input.empty()) {
        if (state_ == State::after_cr) {
            state_ = State::data;
            if (input.front() == std::byte{0}) {
                input = input.subspan(1);
                continue;
            }
        }
        if (state_ == State::data) {
            if (const auto data = take_data(input); !data.empty()) return TelnetData{data};
        }
        const auto byte = std::to_integer<std::uint8_t>(input.front());
        if (state_ == State::command && byte == iac) {  // a byte 255 of the data
            state_ = State::data;
            const auto data = input.first(1);
            input = input.subspan(1);
            return TelnetData{data};
        }
        input = input.subspan(1);
        if (auto piece = step(byte, out)) return piece;
    }
    return std::nullopt;
}

/// The bytes up to the next command, or up to a CR whose NUL must be removed.
std::span<const std::byte> TelnetCodec::take_data(std::span<const std::byte>& input) {
    std::size_t size = plain_size(input, !receives_binary());
    if (size < input.size() && input[size] == cr_byte) {
        ++size;
        state_ = State::after_cr;
    }
    const auto data = input.first(size);
    input = input.subspan(size);
    return data;
}

std::optional<TelnetInput> TelnetCodec::step(std::uint8_t byte, std::string& out) {
    switch (state_) {
        case State::data:
        case State::after_cr: state_ = State::command; return std::nullopt;  // take_data() stops only at an IAC
        case State::command: return command(byte);
        case State::option:
            state_ = State::data;
            negotiate(byte, out);
            return std::nullopt;
        case State::subnegotiation:
            if (byte == iac) {
                state_ = State::subnegotiation_command;
            } else {
                collect(byte);
            }
            return std::nullopt;
        case State::subnegotiation_command: break;
    }
    if (byte == iac) {
        state_ = State::subnegotiation;
        collect(byte);
        return std::nullopt;
    }
    if (byte == se) return end_subnegotiation();
    return command(byte);  // the peer aborted the sub-negotiation
}

std::optional<TelnetInput> TelnetCodec::command(std::uint8_t byte) {
    state_ = State::data;
    switch (byte) {
        case brk: return TelnetBreak{};
        case are_you_there: return TelnetAreYouThere{};
        case will:
        case wont:
        case do_it:
        case dont:
            verb_ = byte;
            state_ = State::option;
            return std::nullopt;
        case sb:
            content_size_ = 0;
            overlong_ = false;
            state_ = State::subnegotiation;
            return std::nullopt;
        default: return std::nullopt;
    }
}

void TelnetCodec::negotiate(std::uint8_t option, std::string& out) {
    const auto* found = std::ranges::find(options, option);
    const auto slot = static_cast<std::size_t>(found - options.begin());
    const bool about_us = verb_ == do_it || verb_ == dont;
    const bool yes = verb_ == will || verb_ == do_it;
    TelnetOption unknown(false);
    TelnetOption& side = slot == slots ? unknown : (about_us ? ours_ : his_)[slot];
    const auto answer = yes ? side.received_yes() : side.received_no();
    if (!answer) return;
    append(out, {iac, *answer ? (about_us ? will : do_it) : (about_us ? wont : dont), option});
}

void TelnetCodec::collect(std::uint8_t byte) {
    if (content_size_ == content_.size()) {
        overlong_ = true;
    } else {
        content_[content_size_++] = std::byte{byte};
    }
}

std::optional<TelnetInput> TelnetCodec::end_subnegotiation() {
    state_ = State::data;
    if (overlong_) ++oversized_;
    if (overlong_ || content_size_ == 0) return std::nullopt;
    return TelnetSubnegotiation{std::to_integer<std::uint8_t>(content_[0]),
                                std::span(content_).subspan(1, content_size_ - 1)};
}

bool TelnetCodec::needs_encoding(std::span<const std::byte> bytes) const noexcept {
    return contains(bytes, iac_byte) || (!sends_binary() && (sent_cr_ || contains(bytes, cr_byte)));
}

void TelnetCodec::encode(std::span<const std::byte> bytes, std::string& out) {
    out.reserve(out.size() + bytes.size() + bytes.size() / 8);
    const bool terminal = !sends_binary();
    while (!bytes.empty()) {
        if (std::exchange(sent_cr_, false) && bytes.front() != lf_byte) out += '\0';
        const auto piece = bytes.first(std::min(plain_size(bytes, terminal) + 1, bytes.size()));
        bytes = bytes.subspan(piece.size());
        out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        if (piece.back() == iac_byte) out += static_cast<char>(iac);
        sent_cr_ = terminal && piece.back() == cr_byte;
    }
}

}  // namespace vserd::tcp
