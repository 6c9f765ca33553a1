// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: ioctls and io_uring commands, which call the functions of vser_line.c. Values are copied
 * from the caller once and checked before the lock is taken.
 */
#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/ioctls.h>

#include "vser.h"
#include "vser_compat.h"
#include "vser_trace.h"

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

/* The two terminal ioctls that count waiting bytes. */
static long vser_ioctl_tty(struct vser_port *port, unsigned int request, void __user *argument)
{
	struct vs_queued queued = vser_get_queued(port);
	int count = request == FIONREAD ? queued.input : queued.output;

	return put_user(count, (int __user *)argument);
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
	case VS_DRAIN:
		return vser_drain(file->port, filp->f_flags & O_NONBLOCK);
	case FIONREAD:
	case TIOCOUTQ:
		return vser_ioctl_tty(file->port, request, argument);
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

	/* The submission queue is shared with user space: copy the argument once, then check it. */
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
	/* Not as the return value: 6.1 treats a positive one as a failure and breaks the link. */
	io_uring_cmd_done(command, result, 0, issue_flags);
	return -EIOCBQUEUED;
}
