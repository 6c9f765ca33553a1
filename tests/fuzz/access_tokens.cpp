// A file of tokens of any bytes: problems with their places, and no token but those of its lines.
#include "access/tokens.hpp"

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "fuzz/fuzz.hpp"

using namespace vserd;

namespace {

constexpr std::chrono::sys_days now{std::chrono::year{2027} / 1 / 1};
// Of "abc"; no other text of this target has it.
constexpr std::string_view known_hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

void times(std::string_view text) {
    const auto time = base::parse_time(text);
    if (!time) return require(time.error().message.size() > 10, "an error says what would be right");
    const auto again = base::parse_time(base::time_text(*time));
    // A year before 0 or after 9999 by its offset has another form.
    if (base::time_text(*time).size() == 20)
        require(again && *again == *time, "a time that is written reads as the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = Input(data, size).rest();
    times(text);
    access::FileReport report;
    const access::Tokens tokens(text, "f", now, report);
    for (const auto* list : {&report.errors, &report.warnings}) {
        for (const std::string& line : *list) {
            require(line.starts_with("f:"), "a problem has its place");
            require(base::printable_text(line) == line, "and is one printable line");
        }
    }
    require(tokens.size() <= access::tokens_max, "there are as many as allowed");
    require(tokens.credentials().size() == tokens.size(), "each token is a credential of its own");
    const auto checked = tokens.check("abc", now);
    require(!checked || lower_case(text).find(known_hash) != std::string::npos,
            "only the tokens of the file are known");
    require(!tokens.check(text, now), "a file does not contain its own token");

    access::FileReport other;
    const access::Tokens with("abc " + std::string(known_hash) + "\n" + std::string(text), "f", now, other);
    require(with.check("abc", now).has_value(), "a good line counts whatever follows it");
    return 0;
}
