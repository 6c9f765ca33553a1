/*
 * A real 32-bit program on /dev/vser0 and vser1 (loopback, pacing off): the layouts that a 32-bit compiler gives the
 * structures, and the 32-bit system calls. Without a C library, because that of another architecture is not installed by
 * default. Exit status: 0, or the line of the first expectation that failed, modulo 256.
 */
#include <stddef.h>

#include "vser_uapi.h"

_Static_assert(sizeof(void*) == 4, "to be compiled with -m32");
_Static_assert(sizeof(struct vs_ffmt) == 4, "layout");
_Static_assert(sizeof(struct vs_signals_wait) == 16, "layout");
_Static_assert(sizeof(struct vs_stats) == 64, "layout");

enum {
    nr_exit = 1,
    nr_read = 3,
    nr_write = 4,
    nr_open = 5,
    nr_ioctl = 54,
    nr_readv = 145,
    nr_writev = 146,
    nr_poll = 168
};
enum { o_rdwr = 2, o_nonblock = 04000, pollin = 1, pollout = 4 };
enum { minus_eagain = -11, minus_efault = -14, minus_einval = -22, minus_enotty = -25 };

struct piece {
    void* base;
    size_t length;
};

static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static long do_ioctl(long fd, unsigned long request, void* argument) {
    return call(nr_ioctl, fd, (long)request, (long)argument);
}

#define EXPECT(condition)                  \
    do {                                   \
        if (!(condition)) return __LINE__; \
    } while (0)

static int settings(long fd) {
    __u32 number = 57600;
    struct vs_ffmt format = {7, VS_PARITY_EVEN, VS_STOP_BITS_2, 0};
    EXPECT(do_ioctl(fd, VS_SET_BAUD, &number) == 0);
    number = 0;
    EXPECT(do_ioctl(fd, VS_GET_BAUD, &number) == 0 && number == 57600);
    EXPECT(do_ioctl(fd, VS_SET_FFMT, &format) == 0);
    format.data_bits = 0;
    EXPECT(do_ioctl(fd, VS_GET_FFMT, &format) == 0);
    EXPECT(format.data_bits == 7 && format.parity == VS_PARITY_EVEN && format.stop_bits == VS_STOP_BITS_2);
    format = (struct vs_ffmt){8, VS_PARITY_NONE, VS_STOP_BITS_1, 0};
    EXPECT(do_ioctl(fd, VS_SET_FFMT, &format) == 0);
    number = 0;
    EXPECT(do_ioctl(fd, VS_SET_BAUD, &number) == minus_einval);
    EXPECT(do_ioctl(fd, VS_SET_BAUD, (void*)8) == minus_efault);
    EXPECT(do_ioctl(fd, VS_MAGIC, &number) == minus_enotty);
    EXPECT(do_ioctl(fd, VS_GET_VERSION, &number) == 0 && number == VS_ABI_VERSION);
    return 0;
}

static int signals(long fd) {
    struct vs_signals_set outputs = {VS_SIGNAL_RTS, 0};
    struct vs_signals_wait wait = {0, 0, 0, 0};
    EXPECT(do_ioctl(fd, VS_WAIT_SIGNALS, &wait) == 0 && wait.sequence != 0);
    EXPECT(do_ioctl(fd, VS_SET_SIGNALS, &outputs) == 0);
    wait.mask = VS_SIGNAL_CTS;
    EXPECT(do_ioctl(fd, VS_WAIT_SIGNALS, &wait) == 0);
    EXPECT(wait.changed == VS_SIGNAL_CTS && (wait.signals & VS_SIGNAL_CTS) == 0);
    return 0;
}

static int transfers(long fd) {
    char sent[] = "thirty-two", got[16] = {0};
    struct piece out[2] = {{sent, 4}, {sent + 4, 6}};
    struct piece in[2] = {{got, 1}, {got + 1, 15}};
    struct {
        int fd;
        short events, returned;
    } entry = {(int)fd, pollin | pollout, 0};
    struct vs_stats before, after;
    struct vs_queued queued;
    EXPECT(do_ioctl(fd, VS_GET_STATS, &before) == 0);
    EXPECT(call(nr_read, fd, (long)got, 1) == minus_eagain);
    EXPECT(call(nr_writev, fd, (long)out, 2) == 10);
    EXPECT(call(nr_poll, (long)&entry, 1, 0) == 1 && (entry.returned & pollin));
    EXPECT(do_ioctl(fd, VS_GET_QUEUED, &queued) == 0 && queued.input == 10);
    EXPECT(call(nr_readv, fd, (long)in, 2) == 10);
    for (int i = 0; i < 10; ++i) EXPECT(got[i] == sent[i]);
    EXPECT(call(nr_write, fd, 8, 1) == minus_efault);
    EXPECT(do_ioctl(fd, VS_GET_STATS, &after) == 0);
    EXPECT(after.rx_bytes == before.rx_bytes + 10 && after.tx_bytes == before.tx_bytes + 10);
    return 0;
}

static int run(void) {
    const long fd = call(nr_open, (long)"/dev/vser0", o_rdwr | o_nonblock, 0);
    int line;
    EXPECT(fd >= 0);
    if ((line = settings(fd)) != 0) return line;
    if ((line = signals(fd)) != 0) return line;
    return transfers(fd);
}

void _start(void) {
    call(nr_exit, run(), 0, 0);
    __builtin_unreachable();
}
