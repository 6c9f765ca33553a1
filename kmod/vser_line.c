// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: settings, wires and statistics, and the two ways to ask for them: ioctl and
 * io_uring commands. Values are copied from the caller once and checked before the lock.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "vser.h"
#include "vser_compat.h"
#include "vser_trace.h"

bool vser_baud_valid(u32 baud)
{
	return baud >= VS_BAUD_MIN && baud <= VS_BAUD_MAX;
}

bool vser_format_valid(struct vs_ffmt format)
{
	return format.data_bits >= 5 && format.data_bits <= 8 &&
	       format.parity <= VS_PARITY_SPACE && format.stop_bits <= VS_STOP_BITS_2 &&
	       !format.reserved;
}

struct vser_line vser_get_line(struct vser_port *port)
{
	unsigned long flags = vser_lock(port);
	struct vser_line line = port->line;

	vser_unlock(port, flags);
	return line;
}

/* Changes baud or format; the other stays. */
static int vser_set_line(struct vser_port *port, const u32 *baud, const struct vs_ffmt *format)
{
	unsigned long flags = vser_lock(port);
	struct vser_line line = port->line;
	int error = port->dead ? -ENODEV : 0;

	if (baud)
		line.baud = *baud;
	if (format)
		line.format = *format;
	if (!error)
		vser_change_line(port, line);
	vser_unlock(port, flags);
	return error;
}

int vser_set_baud(struct vser_port *port, u32 baud)
{
	if (!vser_baud_valid(baud))
		return -EINVAL;
	return vser_set_line(port, &baud, NULL);
}

int vser_set_format(struct vser_port *port, struct vs_ffmt format)
{
	if (!vser_format_valid(format))
		return -EINVAL;
	return vser_set_line(port, NULL, &format);
}

u32 vser_get_signals(struct vser_file *file)
{
	struct vser_port *port = file->port;
	unsigned long flags = vser_lock(port);
	u32 signals = port->signals;

	file->seen_sequence = port->sequence;
	vser_unlock(port, flags);
	return signals;
}

int vser_set_signals(struct vser_port *port, u32 mask, u32 value)
{
	unsigned long flags;
	int error = 0;

	if (mask & ~VS_SIGNALS_OUT)
		return -EINVAL;
	flags = vser_lock(port);
	if (port->dead) {
		error = -ENODEV;
	} else {
		port->outputs = (port->outputs & ~mask) | (value & mask);
		vser_signals_changed(port);
	}
	vser_unlock(port, flags);
	return error;
}

/* Fills in @wait; true when there is something to report. */
static bool vser_signals_ready(struct vser_file *file, struct vs_signals_wait *wait)
{
	struct vser_port *port = file->port;
	unsigned long flags = vser_lock(port);
	u32 changed = 0;
	unsigned int wire;
	bool ready;

	if (!wait->sequence)
		wait->sequence = port->sequence;
	for (wire = 0; wire < VSER_WIRES; wire++)
		if ((s32)(port->changed_at[wire] - wait->sequence) > 0)
			changed |= BIT(wire);
	changed &= wait->mask;
	ready = changed || !wait->mask || port->dead;
	if (ready) {
		wait->changed = changed;
		wait->signals = port->signals;
		wait->sequence = port->sequence;
		file->seen_sequence = port->sequence;
	}
	vser_unlock(port, flags);
	return ready;
}

int vser_wait_signals(struct vser_file *file, struct vs_signals_wait *wait, bool nonblock)
{
	struct vser_port *port = file->port;
	int error;

	if (wait->mask & ~VS_SIGNALS_ALL)
		return -EINVAL;
	if (!vser_signals_ready(file, wait)) {
		if (nonblock)
			return -EAGAIN;
		error = wait_event_interruptible(port->wait, vser_signals_ready(file, wait));
		/* A restarted call would forget what "from now on" meant. */
		if (error)
			return -EINTR;
	}
	return READ_ONCE(port->dead) ? -ENODEV : 0;
}

int vser_send_break(struct vser_port *port, u32 milliseconds)
{
	struct vser_port *peer;
	unsigned long flags;
	int error = 0;

	if (milliseconds > VS_BREAK_MS_MAX)
		return -EINVAL;
	flags = vser_lock(port);
	peer = vser_peer(port);
	if (port->dead)
		error = -ENODEV;
	else if (peer)
		vser_receive_break(peer, milliseconds ?: VS_BREAK_MS_DEFAULT);
	vser_unlock(port, flags);
	return error;
}

static void vser_flush_input(struct vser_port *port)
{
	struct vser_ring *ring = &port->ring;
	struct vser_port *sender = vser_peer(port);
	bool was_full;

	vser_advance(port);
	was_full = ring->head - ring->tail == ring->size;
	ring->tail = ring->wire;
	vser_settle_timer(port);
	if (was_full && ring->head - ring->tail < ring->size && sender)
		vser_note(sender, EPOLLOUT | EPOLLWRNORM);
}

static void vser_flush_output(struct vser_port *port)
{
	struct vser_port *peer = vser_peer(port);
	bool was_full;

	if (!peer)
		return;
	vser_advance(peer);
	was_full = peer->ring.head - peer->ring.tail == peer->ring.size;
	peer->ring.head = peer->ring.wire;
	if (was_full && peer->ring.head - peer->ring.tail < peer->ring.size)
		vser_note(port, EPOLLOUT | EPOLLWRNORM);
}

int vser_flush(struct vser_port *port, u32 what)
{
	unsigned long flags;
	int error = 0;

	if (!what || what & ~VS_FLUSH_BOTH)
		return -EINVAL;
	flags = vser_lock(port);
	if (port->dead)
		error = -ENODEV;
	if (!error && what & VS_FLUSH_OUTPUT)
		vser_flush_output(port);
	if (!error && what & VS_FLUSH_INPUT)
		vser_flush_input(port);
	vser_unlock(port, flags);
	return error;
}

struct vs_queued vser_get_queued(struct vser_port *port)
{
	unsigned long flags = vser_lock(port);
	struct vser_port *peer = vser_peer(port);
	struct vs_queued queued = {};

	vser_advance_cable(port);
	if (peer)
		queued.output = peer->ring.head - peer->ring.wire;
	queued.input = vser_readable(port);
	vser_unlock(port, flags);
	return queued;
}

struct vs_stats vser_get_stats(struct vser_port *port)
{
	unsigned long flags = vser_lock(port);
	struct vs_stats stats;

	vser_advance(port);
	stats = port->stats;
	vser_unlock(port, flags);
	return stats;
}

/* ---- ioctl ---- */

/* The two directions of a fixed-size argument; @value has the size that @request names. */
static int vser_from_user(void *value, unsigned int request, const void __user *argument)
{
	return copy_from_user(value, argument, _IOC_SIZE(request)) ? -EFAULT : 0;
}

static int vser_to_user(void __user *argument, unsigned int request, const void *value)
{
	return copy_to_user(argument, value, _IOC_SIZE(request)) ? -EFAULT : 0;
}

static long vser_ioctl_set(struct vser_port *port, unsigned int request, void __user *argument)
{
	union {
		u32 number;
		struct vs_ffmt format;
		struct vs_signals_set signals;
	} in;
	int error = vser_from_user(&in, request, argument);

	if (error)
		return error;
	switch (request) {
	case VS_SET_BAUD:
		return vser_set_baud(port, in.number);
	case VS_SET_FFMT:
		return vser_set_format(port, in.format);
	case VS_SET_SIGNALS:
		return vser_set_signals(port, in.signals.mask, in.signals.value);
	case VS_SEND_BREAK:
		return vser_send_break(port, in.number);
	default:
		return vser_flush(port, in.number);
	}
}

static long vser_ioctl_get(struct vser_file *file, unsigned int request, void __user *argument)
{
	union {
		u32 number;
		struct vs_ffmt format;
		struct vs_queued queued;
		struct vs_stats stats;
	} out = {};

	switch (request) {
	case VS_GET_BAUD:
		out.number = vser_get_line(file->port).baud;
		break;
	case VS_GET_FFMT:
		out.format = vser_get_line(file->port).format;
		break;
	case VS_GET_SIGNALS:
		out.number = vser_get_signals(file);
		break;
	case VS_GET_STATS:
		out.stats = vser_get_stats(file->port);
		break;
	case VS_GET_QUEUED:
		out.queued = vser_get_queued(file->port);
		break;
	default:
		out.number = VS_ABI_VERSION;
		break;
	}
	return vser_to_user(argument, request, &out);
}

static long vser_ioctl_wait(struct file *filp, void __user *argument)
{
	struct vs_signals_wait wait;
	long error = vser_from_user(&wait, VS_WAIT_SIGNALS, argument);

	if (!error)
		error = vser_wait_signals(filp->private_data, &wait, filp->f_flags & O_NONBLOCK);
	if (!error)
		error = vser_to_user(argument, VS_WAIT_SIGNALS, &wait);
	return error;
}

static long vser_ioctl_known(struct file *filp, unsigned int request, void __user *argument)
{
	struct vser_file *file = filp->private_data;

	switch (request) {
	case VS_SET_BAUD:
	case VS_SET_FFMT:
	case VS_SET_SIGNALS:
	case VS_SEND_BREAK:
	case VS_FLUSH:
		return vser_ioctl_set(file->port, request, argument);
	case VS_GET_BAUD:
	case VS_GET_FFMT:
	case VS_GET_SIGNALS:
	case VS_GET_STATS:
	case VS_GET_QUEUED:
	case VS_GET_VERSION:
		return vser_ioctl_get(file, request, argument);
	case VS_WAIT_SIGNALS:
		return vser_ioctl_wait(filp, argument);
	case VS_CANCEL_ASYNC:
		return vser_aio_cancel_file(file->port, filp);
	default:
		return -ENOTTY;
	}
}

long vser_ioctl(struct file *filp, unsigned int request, unsigned long argument)
{
	struct vser_file *file = filp->private_data;
	long result = -ENODEV;

	if (!READ_ONCE(file->port->dead))
		result = vser_ioctl_known(filp, request, (void __user *)argument);
	trace_vser_ioctl(file->port->index, request, result);
	return result;
}

/* ---- io_uring commands ---- */

static int vser_uring_set_format(struct vser_port *port, u32 packed)
{
	int error = vser_set_format(port, vs_ffmt_unpack(packed));

	return error ?: (int)vs_ffmt_pack(vser_get_line(port).format);
}

static int vser_uring_set_baud(struct vser_port *port, u32 baud)
{
	int error = vser_set_baud(port, baud);

	return error ?: (int)vser_get_line(port).baud;
}

static int vser_uring_known(struct file *filp, u32 operation, const struct vs_uring_arg *arg)
{
	struct vser_file *file = filp->private_data;
	struct vser_port *port = file->port;

	switch (operation) {
	case VS_URING_GET_BAUD:
		return vser_get_line(port).baud;
	case VS_URING_SET_BAUD:
		return vser_uring_set_baud(port, arg->value);
	case VS_URING_GET_FFMT:
		return vs_ffmt_pack(vser_get_line(port).format);
	case VS_URING_SET_FFMT:
		return vser_uring_set_format(port, arg->value);
	case VS_URING_GET_SIGNALS:
		return vser_get_signals(file);
	case VS_URING_SET_SIGNALS:
		return vser_set_signals(port, arg->mask, arg->value);
	case VS_URING_SEND_BREAK:
		return vser_send_break(port, arg->value);
	case VS_URING_FLUSH:
		return vser_flush(port, arg->value);
	case VS_URING_GET_VERSION:
		return VS_ABI_VERSION;
	case VS_URING_CANCEL_ASYNC:
		return vser_aio_cancel_file(port, filp);
	default:
		return -ENOTTY;
	}
}

int vser_uring_cmd(struct io_uring_cmd *command, unsigned int issue_flags)
{
	struct vser_file *file = command->file->private_data;
	u32 operation = READ_ONCE(command->cmd_op);
	struct vs_uring_arg arg;
	int result;

	/* The submission queue is shared with user space: take the argument once, then check. */
	memcpy(&arg, vser_uring_payload(command), sizeof(arg));
	barrier();
	if (READ_ONCE(file->port->dead))
		result = -ENODEV;
	else if (arg.reserved[0] || arg.reserved[1] ||
		 (arg.mask && operation != VS_URING_SET_SIGNALS))
		result = -EINVAL;
	else
		result = vser_uring_known(command->file, operation, &arg);
	trace_vser_ioctl(file->port->index, operation, result);
	/* Not as the return value: 6.1 takes a positive one for a failure and breaks the link. */
	io_uring_cmd_done(command, result, 0, issue_flags);
	return -EIOCBQUEUED;
}
