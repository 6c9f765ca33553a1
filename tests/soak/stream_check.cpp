#include "soak/stream_check.hpp"

#include <gtest/gtest.h>

#include "support/traffic.hpp"

namespace vserd::soak {

void StreamCheck::data(std::uint64_t offset, const std::string& bytes) {
    EXPECT_FALSE(bytes.empty()) << "data without bytes, of " << port_.name;
    EXPECT_EQ(offset, next_.value_or(offset)) << "bytes twice, or left out without a gap, of " << port_.name;
    if (port_.kind != PortKind::echo && bytes != test::sent_bytes(port_.seed, offset, bytes.size())) {
        ADD_FAILURE() << "other bytes between " << offset << " and " << offset + bytes.size() << " of " << port_.name;
    }
    next_ = offset + bytes.size();
    bytes_ += bytes.size();
}

void StreamCheck::gap(const vser::v1::Gap& gap) {
    EXPECT_EQ(gap.from(), next_.value_or(gap.from())) << "a gap elsewhere, of " << port_.name;
    EXPECT_TRUE(gap.to() > gap.from() || (gap.to() == gap.from() && gap.events_lost() > 0)) << "a gap of nothing";
    next_ = gap.to();
    ++gaps_;
    port_.gap_bytes_told += gap.to() - gap.from();
}

void StreamCheck::event(const vser::v1::Event& event) {
    EXPECT_EQ(event.offset(), next_.value_or(event.offset())) << "an event away from its place, of " << port_.name;
    next_ = event.offset();
    refused_bytes_ += event.writer().refused_bytes();
}

}  // namespace vserd::soak
