// A configuration of another server, of any bytes: an error with its place, or a configuration that vserd accepts.
#include "import/import.hpp"

#include "config/config.hpp"
#include "fuzz/fuzz.hpp"

using namespace vserd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const auto format = static_cast<importing::Format>(input.byte() % 3);
    const std::string_view text = input.rest();
    const importing::Environment environment{.host_name = "here",
                                             .check_address = [](const std::string&) { return Result<void>{}; }};

    importing::format_of("fuzz", text);
    const auto imported = importing::import_text(text, "fuzz", format, environment);
    if (!imported) {
        require(!imported.error().message.empty(), "an error says what is wrong");
        return 0;
    }
    // Only the limits of the whole file may be exceeded: its size, its lines and its ports.
    if (size > 100'000) return 0;
    const std::string toml = importing::to_toml(*imported);
    const auto parsed = config::parse(toml, "result");
    if (!parsed) std::fprintf(stderr, "%s\n%s\n", to_string(parsed.error().front()).c_str(), toml.c_str());
    require(parsed.has_value(), "vserd accepts what is imported");
    return 0;
}
