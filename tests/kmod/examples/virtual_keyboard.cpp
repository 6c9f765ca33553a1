// Test helper: a keyboard made with uinput. Prints its /dev/input/eventN, then presses the keys of each line from
// standard input ("h", "enter", "esc"; one a line). The keyboard goes away when the input ends.
#include <fcntl.h>
#include <linux/uinput.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>

namespace {

void send(int device, unsigned short type, unsigned short code, int value) {
    input_event event{};
    event.type = type;
    event.code = code;
    event.value = value;
    if (::write(device, &event, sizeof event) != sizeof event) std::perror("uinput");
}

void press(int device, unsigned short code) {
    for (const int value : {1, 0}) {
        send(device, EV_KEY, code, value);
        send(device, EV_SYN, SYN_REPORT, 0);
    }
}

unsigned short code_of(const std::string& name) {
    constexpr std::array<const char*, 3> rows = {"qwertyuiop", "asdfghjkl", "zxcvbnm"};
    constexpr std::array<unsigned short, 3> first = {KEY_Q, KEY_A, KEY_Z};
    if (name == "enter") return KEY_ENTER;
    if (name == "esc") return KEY_ESC;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto at = std::string{rows[row]}.find(name);
        if (at != std::string::npos) return static_cast<unsigned short>(first[row] + at);
    }
    return KEY_RESERVED;
}

std::string event_node(int device) {
    std::array<char, 64> name{};
    if (::ioctl(device, UI_GET_SYSNAME(sizeof name), name.data()) < 0) return {};
    const std::string directory = std::string{"/sys/devices/virtual/input/"} + name.data();
    for (const auto& entry : std::filesystem::directory_iterator{directory}) {
        const auto file = entry.path().filename().string();
        if (file.starts_with("event")) return "/dev/input/" + file;
    }
    return {};
}

}  // namespace

int main() {
    const int device = ::open("/dev/uinput", O_WRONLY | O_CLOEXEC);
    uinput_setup setup{};
    setup.id.bustype = BUS_VIRTUAL;
    std::snprintf(setup.name, sizeof setup.name, "vser example keyboard");
    bool good = device >= 0 && ::ioctl(device, UI_SET_EVBIT, EV_KEY) == 0;
    for (int code = KEY_ESC; code <= KEY_SPACE; ++code) good = good && ::ioctl(device, UI_SET_KEYBIT, code) == 0;
    if (!good || ::ioctl(device, UI_DEV_SETUP, &setup) != 0 || ::ioctl(device, UI_DEV_CREATE) != 0) {
        std::perror("uinput");
        return 1;
    }
    std::cout << event_node(device) << std::endl;
    for (std::string line; std::getline(std::cin, line);) press(device, code_of(line));
    return 0;
}
