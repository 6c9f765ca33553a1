#include "app/journal_repeats.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace vserd {
namespace {

std::string without_numbers(const JournalLine& line) {
    std::string kind;
    for (const std::string& field : line.fields)
        kind += field + "\n";  // not part of the text, because a port's name may be a number
    std::copy_if(line.text.begin(), line.text.end(), std::back_inserter(kind),
                 [](char c) { return std::isdigit(static_cast<unsigned char>(c)) == 0; });
    return kind;
}

}  // namespace

bool JournalRepeats::is_one_too_many(const JournalLine& line, Time now) {
    if (line.level < spdlog::level::info) return false;
    std::string text = without_numbers(line);
    if (kinds_.size() >= kinds_max && !kinds_.contains(text)) return false;
    Kind& kind = kinds_[std::move(text)];
    if (kind.lines == 0) kind.begin = now;
    if (++kind.lines <= JournalQueue::repeats_max) return false;
    kind.last = line;
    return true;
}

std::vector<JournalLine> JournalRepeats::sums(Time now) {
    std::vector<JournalLine> sums;
    for (auto entry = kinds_.begin(); entry != kinds_.end();) {
        Kind& kind = entry->second;
        if (now - kind.begin < JournalQueue::repeat_window) {
            ++entry;
            continue;
        }
        if (kind.lines > JournalQueue::repeats_max) {
            kind.last.text += fmt::format(" (and {} lines like it, in {} s)", kind.lines - JournalQueue::repeats_max,
                                          JournalQueue::repeat_window.count());
            sums.push_back(std::move(kind.last));
        }
        entry = kinds_.erase(entry);
    }
    return sums;
}

}  // namespace vserd
