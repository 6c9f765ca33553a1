// Example: io_uring. A read that is always pending, and the baud set on the same ring.
//
//   io_uring /dev/vser0 BAUD COUNT
//
// Sets the speed by a command of the driver, then prints COUNT bytes. Nothing here blocks except waiting for the next
// completion. What to know:
//   - a read on an empty port is not tried over and over, nor handed to a thread: the kernel polls the node and
//   completes
//     the read when bytes come. The driver allows that by never sleeping under IOCB_NOWAIT;
//   - open with O_NONBLOCK or without: both stay pending;
//   - buffers belong to the kernel from submission to completion;
//   - IORING_OP_URING_CMD passes sixteen bytes to the driver inside the submission entry: see vser_uapi.h.
#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "vser_uapi.h"

namespace {

// Submits and waits for the one completion that can come.
int finish(io_uring& ring) {
    io_uring_cqe* completion = nullptr;
    if (const int error = ::io_uring_submit_and_wait(&ring, 1); error < 0) return error;
    if (const int error = ::io_uring_peek_cqe(&ring, &completion); error < 0) return error;
    const int result = completion->res;
    ::io_uring_cqe_seen(&ring, completion);
    return result;
}

int set_baud(io_uring& ring, int port, unsigned baud) {
    const vs_uring_arg argument{baud, 0, {0, 0}};
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_rw(IORING_OP_URING_CMD, entry, port, nullptr, 0, 0);
    entry->cmd_op = VS_URING_SET_BAUD;
    std::memcpy(entry->cmd, &argument, sizeof argument);
    return finish(ring);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: io_uring PORT BAUD COUNT\n", stderr);
        return 2;
    }
    const int port = ::open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
    io_uring ring;
    if (port < 0 || ::io_uring_queue_init(8, &ring, 0) < 0) {
        std::perror(argv[1]);
        return 1;
    }
    std::printf("baud: %d\n", set_baud(ring, port, static_cast<unsigned>(std::atoi(argv[2]))));
    std::fflush(stdout);

    int wanted = std::atoi(argv[3]);
    std::array<char, 256> buffer;
    while (wanted > 0) {
        ::io_uring_prep_read(::io_uring_get_sqe(&ring), port, buffer.data(), buffer.size(), 0);
        const int count = finish(ring);
        if (count <= 0) {
            std::fprintf(stderr, "read: %s\n", std::strerror(-count));
            return 1;
        }
        std::fwrite(buffer.data(), 1, static_cast<std::size_t>(count), stdout);
        wanted -= count;
    }
    ::io_uring_queue_exit(&ring);
    ::close(port);
    return 0;
}
