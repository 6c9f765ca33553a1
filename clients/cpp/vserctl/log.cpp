#include "vserctl/log.hpp"

#include <unistd.h>

#include <string>

#include "vserctl/exit_code.hpp"
#include "vserctl/log_merge.hpp"
#include "vserctl/log_printer.hpp"
#include "vserctl/output.hpp"
#include "vserctl/table.hpp"

namespace vserctl {

int run_log(const vser::client::Client& client, const LogCommand& command) {
    const auto note = [](std::string_view text) { put_note(std::string(text)); };
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    const auto printer = LogPrinter::make(command, put, note, terminal, stdout_wants_colour());
    LogMerge merge(client, command);
    while (const auto entry = merge.next()) printer->print(*entry);
    printer->finish();
    const auto error = merge.error();
    return error ? print_error(*error, command.format == LogFormat::json) : exit_ok;
}

}  // namespace vserctl
