/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * vser: what programs may ask of /dev/vserN beyond read, write and poll.
 *
 * Included by the module and by user space (C and C++). Every type has a fixed
 * width and every structure has the same layout for 32-bit and 64-bit callers,
 * so there is no translation layer. A number or a layout here never changes;
 * additions raise the minor part of VS_ABI_VERSION.
 *
 * Errors common to all requests: ENOTTY unknown request, EFAULT bad pointer,
 * EINVAL a value outside the ranges below, ENODEV the device was removed.
 */
#ifndef VSER_UAPI_H
#define VSER_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Returned by VS_GET_VERSION: major << 16 | minor. */
#define VS_ABI_VERSION 0x00010001u

/* ---- Line settings. They belong to the port, not to the descriptor, and survive close. ---- */

/* Bits per second, any integer in this range; 115200 after load. */
#define VS_BAUD_MIN 50u
#define VS_BAUD_MAX 4000000u

#define VS_PARITY_NONE 0
#define VS_PARITY_ODD 1
#define VS_PARITY_EVEN 2
#define VS_PARITY_MARK 3
#define VS_PARITY_SPACE 4

#define VS_STOP_BITS_1 0
#define VS_STOP_BITS_1_5 1
#define VS_STOP_BITS_2 2

/**
 * struct vs_ffmt - how a byte is framed on the wire; 8N1 after load
 * @data_bits: 5 to 8; the bits of a byte above them are lost
 * @parity: VS_PARITY_*
 * @stop_bits: VS_STOP_BITS_*
 * @reserved: must be 0
 */
struct vs_ffmt {
	__u8 data_bits;
	__u8 parity;
	__u8 stop_bits;
	__u8 reserved;
};

/* ---- Modem lines. A peer's DTR is our DSR and DCD, its RTS is our CTS. ---- */

#define VS_SIGNAL_DTR 0x01u
#define VS_SIGNAL_RTS 0x02u
#define VS_SIGNAL_CTS 0x04u
#define VS_SIGNAL_DSR 0x08u
#define VS_SIGNAL_DCD 0x10u
#define VS_SIGNAL_RI 0x20u
/* Set while the other end holds the line in break. */
#define VS_SIGNAL_BREAK 0x40u

/* The modem lines that this end drives: raised by the first open, dropped by the last close. */
#define VS_SIGNALS_OUT (VS_SIGNAL_DTR | VS_SIGNAL_RTS)
#define VS_SIGNALS_ALL 0x7fu

/**
 * struct vs_signals_set - change DTR and RTS in one step
 * @mask: the modem lines to change, a subset of VS_SIGNALS_OUT
 * @value: their new levels; bits outside @mask are ignored
 */
struct vs_signals_set {
	__u32 mask;
	__u32 value;
};

/**
 * struct vs_signals_wait - wait until a modem line changes
 * @mask: in: the modem lines to watch, a subset of VS_SIGNALS_ALL; 0 returns at once
 *        with the present state and sequence number
 * @sequence: in: the number from an earlier call, or 0 for "from now on";
 *            out: the number to pass next time. A change between two calls is never
 *            missed, not even a pulse that has ended.
 * @signals: out: the present levels
 * @changed: out: those modem lines of @mask that changed since @sequence
 *
 * EINTR on a signal; EAGAIN on an O_NONBLOCK descriptor when nothing has changed.
 */
struct vs_signals_wait {
	__u32 mask;
	__u32 sequence;
	__u32 signals;
	__u32 changed;
};

/* VS_SEND_BREAK takes milliseconds: 0 means the default. */
#define VS_BREAK_MS_DEFAULT 250u
#define VS_BREAK_MS_MAX 10000u

/* VS_FLUSH takes a mask: received but unread bytes, and written bytes that have not yet arrived. */
#define VS_FLUSH_INPUT 0x1u
#define VS_FLUSH_OUTPUT 0x2u
#define VS_FLUSH_BOTH (VS_FLUSH_INPUT | VS_FLUSH_OUTPUT)

/**
 * struct vs_queued - bytes that the port holds
 * @input: received, not yet read
 * @output: written, not yet arrived; 0 means drained
 */
struct vs_queued {
	__u32 input;
	__u32 output;
};

/**
 * struct vs_stats - counters since the port was bound; they never go back
 * @rx_bytes: bytes that arrived and were kept, good or damaged
 * @tx_bytes: bytes that writers handed over
 * @frame_errors: bytes damaged by a mismatch of baud or format, or by injection
 * @parity_errors: bytes with a parity error (injected)
 * @overrun_errors: bytes lost by injected overruns
 * @break_errors: breaks received
 * @dropped_bytes: bytes lost on their way: drop rate, link down, and those written while
 *                 the other end is not bound
 * @reserved: 0
 */
struct vs_stats {
	__aligned_u64 rx_bytes;
	__aligned_u64 tx_bytes;
	__aligned_u64 frame_errors;
	__aligned_u64 parity_errors;
	__aligned_u64 overrun_errors;
	__aligned_u64 break_errors;
	__aligned_u64 dropped_bytes;
	__aligned_u64 reserved;
};

/* ---- ioctl requests; every argument is a pointer, but VS_CANCEL_ASYNC and VS_DRAIN have none. */

#define VS_MAGIC 's'

#define VS_SET_BAUD _IOW(VS_MAGIC, 0, __u32)
#define VS_GET_BAUD _IOR(VS_MAGIC, 1, __u32)
#define VS_SET_FFMT _IOW(VS_MAGIC, 2, struct vs_ffmt)
#define VS_GET_FFMT _IOR(VS_MAGIC, 3, struct vs_ffmt)
/* VS_SIGNAL_* levels of all modem lines; also marks them as seen for POLLPRI, see below. */
#define VS_GET_SIGNALS _IOR(VS_MAGIC, 4, __u32)
#define VS_SET_SIGNALS _IOW(VS_MAGIC, 5, struct vs_signals_set)
#define VS_WAIT_SIGNALS _IOWR(VS_MAGIC, 6, struct vs_signals_wait)
/* Starts a break and returns; queued bytes wait behind it. A second one may extend the first. */
#define VS_SEND_BREAK _IOW(VS_MAGIC, 7, __u32)
#define VS_FLUSH _IOW(VS_MAGIC, 8, __u32)
#define VS_GET_STATS _IOR(VS_MAGIC, 9, struct vs_stats)
#define VS_GET_VERSION _IOR(VS_MAGIC, 10, __u32)
/* Ends every pending native AIO request of this descriptor with ECANCELED; returns how many. */
#define VS_CANCEL_ASYNC _IO(VS_MAGIC, 11)
#define VS_GET_QUEUED _IOR(VS_MAGIC, 12, struct vs_queued)
/*
 * Waits until every written byte has arrived (vs_queued.output is 0), not until it is read.
 * Native AIO writes that still wait for room do not count. EINTR on a signal; EAGAIN on an
 * O_NONBLOCK descriptor when there is something to wait for. Since 1.1.
 */
#define VS_DRAIN _IO(VS_MAGIC, 13)

/*
 * Two requests of terminals work too (since 1.1), each into an int: FIONREAD is
 * vs_queued.input, TIOCOUTQ is vs_queued.output.
 */

/*
 * poll: POLLIN bytes to read, POLLOUT room to write, POLLPRI a modem line changed since this
 * descriptor last called VS_GET_SIGNALS or VS_WAIT_SIGNALS (or since open), POLLHUP |
 * POLLERR the device was removed.
 */

/* ---- io_uring: IORING_OP_URING_CMD with sqe->cmd_op from here and the argument inside the
 * ---- 16-byte sqe->cmd. Nothing blocks and no pointer is followed; cqe->res is the result
 * ---- (a value or 0) or -errno. ENOTTY: unknown operation.
 */

#define VS_URING_GET_BAUD 1u /* res: baud */
#define VS_URING_SET_BAUD 2u /* value: baud; res: the baud in force */
#define VS_URING_GET_FFMT 3u /* res: packed, see vs_ffmt_pack() */
#define VS_URING_SET_FFMT 4u /* value: packed; res: the format in force, packed */
#define VS_URING_GET_SIGNALS 5u /* res: VS_SIGNAL_*; marks them as seen */
#define VS_URING_SET_SIGNALS 6u /* mask, value: as in vs_signals_set; res: 0 */
#define VS_URING_SEND_BREAK 7u /* value: milliseconds; res: 0 */
#define VS_URING_FLUSH 8u /* value: VS_FLUSH_*; res: 0 */
#define VS_URING_GET_VERSION 9u /* res: VS_ABI_VERSION */
#define VS_URING_CANCEL_ASYNC 10u /* res: requests ended */

/**
 * struct vs_uring_arg - the content of sqe->cmd
 * @value: the argument; 0 for operations that take none
 * @mask: only VS_URING_SET_SIGNALS; else 0
 * @reserved: must be 0
 */
struct vs_uring_arg {
	__u32 value;
	__u32 mask;
	__u32 reserved[2];
};

/* A format in one non-negative int, for io_uring results. */
static inline __u32 vs_ffmt_pack(struct vs_ffmt format)
{
	return (__u32)format.data_bits | (__u32)format.parity << 8 | (__u32)format.stop_bits << 16;
}

static inline struct vs_ffmt vs_ffmt_unpack(__u32 packed)
{
	struct vs_ffmt format;

	format.data_bits = (__u8)(packed & 0xff);
	format.parity = (__u8)(packed >> 8 & 0xff);
	format.stop_bits = (__u8)(packed >> 16 & 0xff);
	format.reserved = (__u8)(packed >> 24);
	return format;
}

#endif /* VSER_UAPI_H */
