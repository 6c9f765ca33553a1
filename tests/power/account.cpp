#include "power/account.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <stdexcept>

namespace vserd::power {
namespace {

constexpr std::uint64_t record_bytes = 16;
constexpr std::uint64_t spread = 0x9e3779b97f4a7c15;  // so that the records are different and hardly compressed

Mark::Kind kind_of(const std::string& word) {
    if (word == "killed") return Mark::Kind::killed;
    if (word == "stopped") return Mark::Kind::stopped;
    return Mark::Kind::seen;
}

}  // namespace

std::string device_bytes(const std::string& port, std::uint64_t place, std::size_t size) {
    std::string bytes;
    char record[record_bytes + 1] = {};
    for (std::uint64_t number = place / record_bytes; number * record_bytes < place + size; ++number) {
        std::snprintf(record, sizeof record, "%c%014llx\n", port.front(),
                      static_cast<unsigned long long>(number * spread >> 8U));
        bytes.append(record, record_bytes);
    }
    return bytes.substr(place % record_bytes, size);
}

Account::Account(const std::vector<LoggedWrite>& writes) {
    for (std::size_t entry = 0; entry < writes.size(); ++entry) {
        std::string text = writes[entry].mark;  // the kernel takes one word
        std::replace(text.begin(), text.end(), ',', ' ');
        std::istringstream words(text);
        std::string word;
        Mark mark;
        mark.entry = entry;
        if (!(words >> word >> mark.second)) continue;  // the target's own mark at its end
        const bool begins = word == "begin";
        mark.kind = kind_of(word);
        std::string head;
        while (words >> head) {
            char port[2] = {};
            unsigned long long offset = 0;
            unsigned long long place = 0;
            if (std::sscanf(head.c_str(), "%1[a-z]:%llu:%llu", port, &offset, &place) != 3)
                throw std::runtime_error("a mark is damaged: " + writes[entry].mark);
            mark.heads[port] = offset;
            if (begins) lives_[port].push_back({offset, place});
        }
        if (!begins && !marks_.empty()) longest_pause_ = std::max(longest_pause_, mark.second - marks_.back().second);
        marks_.push_back(std::move(mark));
    }
    if (lives_.empty()) throw std::runtime_error("the log has no marks of a recording");
}

std::vector<Mark> Account::before(std::size_t entry) const {
    const auto end = std::find_if(marks_.begin(), marks_.end(), [&](const Mark& mark) { return mark.entry >= entry; });
    return {marks_.begin(), end};
}

std::string Account::bytes_at(const std::string& port, std::uint64_t offset, std::size_t size) const {
    const std::vector<Life>& lives = lives_.at(port);
    auto life = lives.rbegin();
    while (life + 1 != lives.rend() && life->begin > offset) ++life;
    return device_bytes(port, offset - life->begin + life->place, size);
}

}  // namespace vserd::power
