// Example: one loop over a serial port and a keyboard.
//
//   poll_keyboard /dev/vser0 /dev/input/event3
//
// Prints what arrives on the port, and sends each letter typed on the keyboard to it, until Escape or until the device
// is removed. This is what poll is for: waiting for several things at once, without threads and without burning the
// processor. Three details matter:
//   - revents may hold POLLHUP or POLLERR although nobody asked: a device was removed. Not looking means an endless
//   loop.
//   - a readable descriptor is read once per round; poll tells again if there is more.
//   - an input device delivers whole `input_event` structures, so reading a multiple of their size is safe.
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace {

// Enough of a keyboard map for an example: the three rows of letters, in the order of their key codes.
char letter_of(unsigned short code) {
    constexpr const char* rows[] = {"qwertyuiop", "asdfghjkl", "zxcvbnm"};
    constexpr unsigned short first[] = {KEY_Q, KEY_A, KEY_Z};
    constexpr unsigned short last[] = {KEY_P, KEY_L, KEY_M};
    for (int row = 0; row < 3; ++row) {
        if (code >= first[row] && code <= last[row]) return rows[row][code - first[row]];
    }
    return code == KEY_ENTER ? '\n' : '\0';
}

// False when it is time to stop.
bool handle_keyboard(int keyboard, int port) {
    std::array<input_event, 16> events;
    const ssize_t bytes = ::read(keyboard, events.data(), sizeof events);
    if (bytes <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(bytes) / sizeof(input_event); ++i) {
        if (events[i].type != EV_KEY || events[i].value != 1) continue;  // 1: pressed; 0: released; 2: repeated
        if (events[i].code == KEY_ESC) return false;
        const char letter = letter_of(events[i].code);
        if (letter != '\0' && ::write(port, &letter, 1) != 1) return false;
    }
    return true;
}

bool handle_port(int port) {
    std::array<char, 256> buffer;
    const ssize_t count = ::read(port, buffer.data(), buffer.size());
    if (count <= 0) return false;
    std::fwrite(buffer.data(), 1, static_cast<std::size_t>(count), stdout);
    std::fflush(stdout);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: poll_keyboard PORT INPUT_DEVICE\n", stderr);
        return 2;
    }
    const int port = ::open(argv[1], O_RDWR | O_CLOEXEC);
    const int keyboard = ::open(argv[2], O_RDONLY | O_CLOEXEC);
    if (port < 0 || keyboard < 0) {
        std::perror("open");
        return 1;
    }

    std::array<pollfd, 2> waiting{{{port, POLLIN, 0}, {keyboard, POLLIN, 0}}};
    for (;;) {
        if (::poll(waiting.data(), waiting.size(), -1) < 0) break;
        if ((waiting[0].revents | waiting[1].revents) & (POLLHUP | POLLERR)) break;
        if ((waiting[0].revents & POLLIN) && !handle_port(port)) break;
        if ((waiting[1].revents & POLLIN) && !handle_keyboard(keyboard, port)) break;
    }
    ::close(keyboard);
    ::close(port);
    return 0;
}
