// Every small grammar on any text: no crash, and what is written back reads as the same.
#include <cstdlib>
#include <string_view>

#include "config/config.hpp"
#include "config/values.hpp"
#include "line/settings.hpp"
#include "line/sim_spec.hpp"

using namespace vserd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto format = line::parse_format(text)) {
        const auto again = line::parse_format(line::to_string(*format));
        if (!again || *again != *format) std::abort();
    }
    if (const auto bytes = config::parse_size(text)) {
        const auto again = config::parse_size(config::size_text(*bytes));
        if (!again || *again != *bytes) std::abort();
    }
    if (const auto duration = config::parse_duration(text); duration && duration->count() < 0) std::abort();
    if (const auto spec = line::parse_sim_spec(text)) {
        if (!(spec->faults.drop >= 0 && spec->faults.drop <= 1 && spec->faults.flip >= 0 && spec->faults.flip <= 1))
            std::abort();
    }
    static_cast<void>(config::parse_address(text));
    const auto parsed = config::parse(text, "fuzz");
    if (!parsed && parsed.error().empty()) std::abort();
    return 0;
}
