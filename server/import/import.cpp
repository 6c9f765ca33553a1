#include "import/import.hpp"

#include <algorithm>
#include <array>

#include "config/limits.hpp"
#include "import/readers.hpp"
#include "import/words.hpp"

namespace vserd::importing {
namespace {

/// "3000:telnet:600:/dev/ttyS0:9600", the lines of ser2net before version 4.
bool is_ser2net_conf_line(std::string_view line) {
    const auto parts = split(line, ":");
    constexpr std::array<std::string_view, 4> states{"raw", "rawlp", "telnet", "off"};
    return parts.size() >= 4 && std::find(states.begin(), states.end(), parts[1]) != states.end();
}

std::optional<Format> format_of_line(std::string_view line) {
    constexpr std::array<std::string_view, 7> blocks{"access",  "break", "config", "console",
                                                     "default", "group", "task"};
    constexpr std::array<std::string_view, 7> keys{
        "admin:", "connection:", "default:", "define:", "include:", "led:", "rotator:"};
    if (line.starts_with("%YAML") || line == "---") return Format::ser2net_yaml;
    if (is_ser2net_conf_line(line)) return Format::ser2net_conf;
    const std::string word(line.substr(0, line.find_first_of(" \t{")));
    if (std::find(keys.begin(), keys.end(), word) != keys.end()) return Format::ser2net_yaml;
    if (std::find(blocks.begin(), blocks.end(), word) != blocks.end()) return Format::conserver;
    return std::nullopt;
}

}  // namespace

std::optional<Format> format_of(std::string_view file, std::string_view text) {
    if (file.ends_with(".yaml") || file.ends_with(".yml")) return Format::ser2net_yaml;
    if (file.ends_with(".cf")) return Format::conserver;
    for (const std::string& line : split(text, "\n")) {
        if (line.starts_with('#')) continue;
        if (const auto format = format_of_line(line)) return format;
    }
    return std::nullopt;
}

ImportResult import_text(std::string_view text, std::string_view file, Format format, const Environment& environment) {
    Document document;
    document.file = file;
    if (text.size() > config::file_bytes_max) return config::Problem{document.file, 0, 0, "is larger than 1MiB"};
    try {
        switch (format) {
            case Format::ser2net_yaml: read_ser2net_yaml(text, environment, document); break;
            case Format::ser2net_conf: read_ser2net_conf(text, environment, document); break;
            case Format::conserver: read_conserver(text, environment, document); break;
        }
    } catch (const Fault& fault) {
        return config::Problem{document.file, fault.at.line, fault.at.column, fault.message};
    }
    return document;
}

}  // namespace vserd::importing
