// The small grammars of the daemon on any text: what is taken is within its limits and written back reads as the same; what
// is refused is told in words.
#include "base/units.hpp"
#include "fuzz/fuzz.hpp"
#include "io/engine_select.hpp"
#include "line/settings.hpp"
#include "sim/sim_spec.hpp"
#include "vser_client/types.hpp"

using namespace vserd;

namespace {

void require_told(const Error& error) {
    require(error.failure == Failure::invalid_argument, "what cannot be read is an invalid argument");
    require(error.message.size() > 10, "an error says what would be right");
}

/// Server and client read the same formats, but that "/none" is the client's way to ask for no flow control.
void formats(std::string_view text) {
    const auto ours = line::parse_format(text);
    const auto theirs = vser::client::parse_format(text);
    if (ours) {
        const auto again = line::parse_format(line::to_string(*ours));
        require(again && *again == *ours, "a format that is written reads as the same");
        require(ours->data_bits >= 5 && ours->data_bits <= 8, "5 to 8 data bits");
        require(theirs.ok(), "the client takes what the server takes");
        require(vser::client::to_string(*theirs) == line::to_string(*ours), "client and server mean the same format");
    } else {
        require_told(ours.error());
        require(ours.error().subject == "format", "a format's error names the field");
        const bool about_none = text.find('/') != std::string_view::npos;
        require(!theirs.ok() || about_none, "the server takes what the client takes");
    }
    if (!theirs.ok()) require(theirs.error().message.size() > 10, "the client's error says what would be right");
}

void values(std::string_view text) {
    if (const auto bytes = base::parse_size(text)) {
        const auto again = base::parse_size(base::size_text(*bytes));
        require(again && *again == *bytes && *bytes >= 0, "a size that is written reads as the same");
    } else {
        require_told(bytes.error());
    }
    if (const auto duration = base::parse_duration(text)) {
        require(duration->count() >= 0, "no duration is negative");
        require(*base::parse_duration(std::to_string(duration->count()) + "ms") == *duration, "milliseconds are");
    } else {
        require_told(duration.error());
    }
}

void engine_names(std::string_view text) {
    const auto& names = io::engine_names();
    if (text == "auto" || std::find(names.begin(), names.end(), text) != names.end()) return;  // those would be built
    const auto chosen = io::select_engine(text);
    require(!chosen, "an unknown engine is refused");
    require_told(chosen.error());
    require(chosen.error().subject == "engine", "its error names the field");
    for (const auto name : names) {
        require(chosen.error().message.find(name) != std::string::npos, "and the engines that there are");
    }
}

void simulators(std::string_view text) {
    const auto spec = sim::parse_sim_spec(text);
    if (!spec) {
        require_told(spec.error());
        require(spec.error().subject == "device", "a device's error names the field");
        return;
    }
    require(spec->faults.drop >= 0 && spec->faults.drop <= 1 && spec->faults.flip >= 0 && spec->faults.flip <= 1,
            "rates are probabilities");
    require(spec->unplug_for.count() >= 0 && spec->unplug_for <= std::chrono::hours(1), "at most an hour away");
    require(spec->id.size() <= 64 && (spec->open_fails == 0 || !spec->id.empty()), "only a named device fails to open");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = Input(data, size).rest();
    formats(text);
    values(text);
    engine_names(text);
    simulators(text);
    return 0;
}
