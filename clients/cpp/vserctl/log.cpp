#include "vserctl/log.hpp"

#include <unistd.h>

#include <string>

#include "vserctl/exit_code.hpp"
#include "vserctl/log_merge.hpp"
#include "vserctl/log_printer.hpp"
#include "vserctl/output.hpp"
#include "vserctl/search_progress.hpp"
#include "vserctl/table.hpp"

namespace vserctl {

int run_log(const vser::client::Client& client, const LogCommand& command) {
    const auto note = [](std::string_view text) { put_note(std::string(text)); };
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    const auto printer = LogPrinter::make(command, put, note, terminal, stdout_wants_colour());
    LogMerge merge(client, command);
    SearchProgress progress;
    const auto show = [&progress](vser::client::Time time, std::uint64_t left) { progress.show(time, left); };
    while (const auto entry = merge.next(show)) {
        progress.clear();
        printer->print(*entry);
    }
    progress.clear();
    printer->finish();
    const auto error = merge.error();
    return error ? print_error(*error, command.format == LogFormat::json) : exit_ok;
}

}  // namespace vserctl
