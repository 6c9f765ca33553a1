#include "vserctl/log.hpp"

#include <unistd.h>

#include <string>

#include "vserctl/exit_code.hpp"
#include "vserctl/log_merge.hpp"
#include "vserctl/log_options.hpp"
#include "vserctl/log_printer.hpp"
#include "vserctl/output.hpp"
#include "vserctl/search_progress.hpp"
#include "vserctl/table.hpp"

namespace vserctl {

int run_log(const vser::client::Client& client, LogCommand command) {
    const auto ports = find_ports(client, command.choice);
    if (!ports) return print_error(ports.error(), command.format == LogFormat::json);
    for (const auto& port : *ports) command.ports.push_back(port.name);
    return run_log(std::vector(ports->size(), client), nullptr, command);
}

int run_log(std::vector<vser::client::Client> owners, LogMerge::FindOwner find, const LogCommand& command) {
    const bool json = command.format == LogFormat::json;
    if (owners.empty()) return print_error("no port has these labels", json);
    if (const auto problem = too_many(owners.size(), command.format)) return print_error(*problem, json);
    const auto note = [](std::string_view text) { put_note(std::string(text)); };
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    const auto printer = LogPrinter::make(command, put, note, terminal, stdout_wants_colour());
    LogMerge merge(std::move(owners), std::move(find), command);
    SearchProgress progress;
    const auto show = [&progress](vser::client::Time time, std::uint64_t left) { progress.show(time, left); };
    while (const auto entry = merge.next(show)) {
        progress.clear();
        printer->print(*entry);
    }
    progress.clear();
    printer->finish();
    const auto error = merge.error();
    return error ? print_error(*error, json) : exit_ok;
}

}  // namespace vserctl
