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
    if (is_terminal_) {
        modes_.feed(bytes);  // before writing them, because a signal may arrive in between
        if (modes_.changed()) way_out::set_text(STDOUT_FILENO, modes_.undo());
    }
    put(bytes);
}

}  // namespace vserctl
