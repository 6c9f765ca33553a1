#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "soak/port.hpp"
#include "vser/v1/types.pb.h"

namespace vserd::soak {

/// Checks one port's items of one stream: every byte is the one that belongs at its offset, comes once and in order, and what is
/// left out is announced.
class StreamCheck {
public:
    /// `next`: where the stream has to begin; the place of its first item if that is not known.
    explicit StreamCheck(Port& port, std::optional<std::uint64_t> next = std::nullopt) : port_(port), next_(next) {}

    void data(std::uint64_t offset, const std::string& bytes);
    void gap(const vser::v1::Gap& gap);
    void event(const vser::v1::Event& event);

    std::optional<std::uint64_t> next() const { return next_; }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t gaps() const { return gaps_; }
    /// What the stream wrote in vain, because another client held the port.
    std::uint64_t refused_bytes() const { return refused_bytes_; }

private:
    Port& port_;
    std::optional<std::uint64_t> next_;
    std::uint64_t bytes_ = 0;
    std::uint64_t gaps_ = 0;
    std::uint64_t refused_bytes_ = 0;
};

}  // namespace vserd::soak
