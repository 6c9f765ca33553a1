#include "app/import_command.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "app/check.hpp"
#include "config/config.hpp"
#include "config/limits.hpp"
#include "import/import.hpp"
#include "net/listen_socket.hpp"

namespace vserd {
namespace {

int failure(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    return 1;
}

/// The whole file, or a byte more than may be imported.
Result<std::string> contents_of(const std::string& file) {
    const std::unique_ptr<FILE, int (*)(FILE*)> stream(std::fopen(file.c_str(), "re"), &std::fclose);
    if (!stream) return errno_error(file);
    std::string text(config::file_bytes_max + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), stream.get()));
    if (std::ferror(stream.get()) != 0) return errno_error(file);
    return text;
}

importing::Environment environment() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return {.host_name = name.data(), .check_address = [](const std::string& address) {
                return net::check_address(address, "address", "[[port.listen]]");
            }};
}

/// The output is a configuration that vserd accepts, or there is none.
bool check_output(const std::string& text) {
    const std::string name = "the result";
    const auto parsed = config::parse(text, name);
    if (parsed) return can_start(name, *parsed);
    for (const config::Problem& problem : parsed.error()) failure(to_string(problem));
    return false;
}

void print_summary(const importing::Document& document) {
    std::size_t ports = 0;
    std::size_t listeners = 0;
    std::size_t comments = document.remarks.size();
    for (const importing::ImportedPort& port : document.ports) {
        ports += port.active ? 1 : 0;
        comments += port.remarks.size();
        for (const importing::ImportedListen& listen : port.listen) {
            listeners += port.active && listen.active ? 1 : 0;
            comments += listen.remarks.size();
        }
    }
    failure(fmt::format("{}: ports: {}, listeners: {}, settings without an equivalent: {} (see the comments){}",
                        document.file, ports, listeners, comments,
                        document.insecure_remote ? "; listeners can be reached from other machines without TLS" : ""));
    if (ports == 0) failure(document.file + ": warning: the result has no active port; see its comments");
}

}  // namespace

int import_configuration(const std::string& file) {
    const auto text = contents_of(file);
    if (!text) return failure(text.error().message);
    const auto format = importing::format_of(file, *text);
    if (!format) return failure(file + ": is not a configuration of ser2net (.yaml, .conf) or conserver (.cf)");
    const auto imported = importing::import_text(*text, file, *format, environment());
    if (!imported) return failure(to_string(imported.error()));
    const std::string toml = importing::to_toml(*imported);
    if (!check_output(toml)) return failure(file + ": cannot be imported: vserd would not start with the result");
    if (std::fputs(toml.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
        return failure(errno_error("standard output").message);
    }
    print_summary(*imported);
    return 0;
}

}  // namespace vserd
