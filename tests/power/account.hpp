#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "power/write_log.hpp"

namespace vserd::power {

/// What the device of a port sends from a place in its stream on: numbered records of 16 bytes.
std::string device_bytes(const std::string& port, std::uint64_t place, std::size_t size);

/// One process that recorded a port.
struct Life {
    std::uint64_t begin = 0;  ///< the first offset of its log
    std::uint64_t place = 0;  ///< in the device's stream
};

/// What the recorder knew at one moment, and wrote into the log of the device as a mark.
struct Mark {
    enum class Kind { seen, killed, stopped };
    std::size_t entry = 0;  ///< in the log
    double second = 0;
    Kind kind = Kind::seen;
    std::map<std::string, std::uint64_t> heads;  ///< by port: clients could have read up to this offset
};

/// What all marks of a log say. A mark is "begin|seen|killed|stopped,SECOND,PORT:OFFSET:PLACE,...".
class Account {
public:
    explicit Account(const std::vector<LoggedWrite>& writes);

    const std::map<std::string, std::vector<Life>>& lives() const noexcept { return lives_; }
    const std::vector<Mark>& marks() const noexcept { return marks_; }
    /// The marks before an entry of the log.
    std::vector<Mark> before(std::size_t entry) const;
    /// The bytes that must be at an offset. They are of one process, because a gap is between two.
    std::string bytes_at(const std::string& port, std::uint64_t offset, std::size_t size) const;
    /// The longest time between two marks of one process: that long the machine may have stood still.
    double longest_pause() const noexcept { return longest_pause_; }

private:
    std::map<std::string, std::vector<Life>> lives_;
    std::vector<Mark> marks_;
    double longest_pause_ = 0;
};

}  // namespace vserd::power
