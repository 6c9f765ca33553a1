#include "vserctl/device_output.hpp"

#include <unistd.h>

#include "vserctl/output.hpp"
#include "vserctl/way_out.hpp"

namespace vserctl {

DeviceOutput::DeviceOutput() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {
    if (is_terminal_) way_out::install_for_signals();
}

DeviceOutput::~DeviceOutput() {
    if (!is_terminal_) return;
    static_cast<void>(write_all(STDOUT_FILENO, modes_.undo()));
    way_out::set_text(STDOUT_FILENO, {});
}

void DeviceOutput::show(std::string_view bytes) {
    if (!is_terminal_) return put(bytes);
    const auto before = modes_.undo();
    modes_.feed(bytes);
    if (!modes_.changed()) return put(bytes);
    // A signal may come before they are written, or after.
    way_out::set_text(STDOUT_FILENO, before + modes_.undo());
    put(bytes);
    way_out::set_text(STDOUT_FILENO, modes_.undo());
}

}  // namespace vserctl
