// SPDX-License-Identifier: GPL-2.0-only
/* vser: the file operations of /dev/vserN. */
#include <linux/compat.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vser.h"
#include "vser_compat.h"
#include "vser_trace.h"

/* A page that was just faulted in can be gone again; give up only after this many times. */
#define VSER_FAULT_TRIES_MAX 16

static int vser_open(struct inode *inode, struct file *filp)
{
	struct vser_port *port = container_of(inode->i_cdev, struct vser_port, cdev);
	struct vser_file *file;
	unsigned long flags;
	int error = 0;

	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return -ENOMEM;
	file->port = port;
	flags = vser_lock(port);
	if (port->dead) {
		error = -ENODEV;
	} else {
		if (!port->opens++) {
			port->outputs |= VS_SIGNALS_OUT;
			vser_signals_changed(port);
		}
		file->seen_sequence = port->sequence;
	}
	vser_unlock(port, flags);
	if (error) {
		kfree(file);
		return error;
	}
	filp->private_data = file;
	/* Reads and writes never sleep under IOCB_NOWAIT, so io_uring may try them inline. */
	filp->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, filp);
}

static int vser_fasync(int fd, struct file *filp, int on)
{
	struct vser_file *file = filp->private_data;

	return fasync_helper(fd, filp, on, &file->port->fasync);
}

static int vser_release(struct inode *inode, struct file *filp)
{
	struct vser_file *file = filp->private_data;
	struct vser_port *port = file->port;
	unsigned long flags;

	/* Pending AIO requests hold the file, so there are none left here. */
	flags = vser_lock(port);
	if (!--port->opens) {
		port->outputs &= ~VS_SIGNALS_OUT;
		if (!port->dead)
			vser_signals_changed(port);
	}
	vser_unlock(port, flags);
	kfree(file);
	return 0;
}

/* ---- Waiting ---- */

static __poll_t vser_events(struct vser_file *file)
{
	struct vser_port *port = file->port;
	unsigned long flags = vser_lock(port);
	__poll_t events = 0;

	if (port->dead) {
		events = EPOLLHUP | EPOLLERR;
	} else {
		if (vser_readable(port))
			events |= EPOLLIN | EPOLLRDNORM;
		if (vser_room(port))
			events |= EPOLLOUT | EPOLLWRNORM;
		if (port->sequence != file->seen_sequence)
			events |= EPOLLPRI;
	}
	vser_unlock(port, flags);
	return events;
}

static __poll_t vser_poll(struct file *filp, poll_table *table)
{
	struct vser_file *file = filp->private_data;

	poll_wait(filp, &file->port->wait, table);
	return vser_events(file);
}

struct vser_waiter {
	struct wait_queue_entry entry;
	__poll_t events;
};

/* Wakes only for the events that the waiter named, as poll's own entries do. */
static int vser_wake_waiter(struct wait_queue_entry *entry, unsigned int mode, int sync, void *key)
{
	struct vser_waiter *waiter = container_of(entry, struct vser_waiter, entry);
	__poll_t events = key_to_poll(key);

	if (events && !(events & waiter->events))
		return 0;
	return autoremove_wake_function(entry, mode, sync, key);
}

/* Sleeps until one of @events may hold. */
static int vser_wait(struct vser_file *file, __poll_t events)
{
	struct vser_waiter waiter = { .events = events | EPOLLHUP };
	int error = 0;

	init_wait(&waiter.entry);
	waiter.entry.func = vser_wake_waiter;
	prepare_to_wait(&file->port->wait, &waiter.entry, TASK_INTERRUPTIBLE);
	if (!(vser_events(file) & waiter.events)) {
		if (signal_pending(current))
			error = -ERESTARTSYS;
		else
			schedule();
	}
	finish_wait(&file->port->wait, &waiter.entry);
	return error;
}

/* ---- Reading and writing ---- */

/*
 * One attempt, under the lock: the count moved, -EAGAIN when nothing can, -ENODEV. @faulted: the
 * copy stopped although neither the ring nor the iterator had run out.
 */
static ssize_t vser_attempt(struct vser_port *port, struct iov_iter *iter, bool is_write,
			    bool *faulted)
{
	unsigned long flags = vser_lock(port);
	size_t wanted;
	ssize_t result;

	/* Requests that wait were first: what arrives now is theirs. */
	if (!is_write && list_empty(&port->reads))
		vser_advance(port);
	wanted = min_t(size_t, iov_iter_count(iter),
		       is_write ? vser_room(port) : vser_readable(port));
	if (port->dead)
		result = -ENODEV;
	else if (!wanted)
		result = -EAGAIN;
	else
		result = is_write ? vser_put(port, iter) : vser_take(port, iter);
	*faulted = result >= 0 && result < wanted;
	vser_unlock(port, flags);
	return result;
}

/*
 * Moves what can be moved now. The copy runs with page faults off; where it stops short of
 * what there was, the memory is faulted in and the copy goes on. A bad address ends the
 * transfer at its byte: bytes before it have moved, bytes after it have not.
 */
static ssize_t vser_transfer(struct vser_port *port, struct iov_iter *iter, bool is_write)
{
	unsigned int tries = 0;
	ssize_t total = 0;

	while (iov_iter_count(iter)) {
		bool faulted;
		ssize_t moved = vser_attempt(port, iter, is_write, &faulted);
		size_t wanted, bad;

		if (moved < 0)
			return total ?: moved;
		total += moved;
		if (!faulted)
			break;
		if (moved)
			tries = 0;
		wanted = min_t(size_t, iov_iter_count(iter), port->ring.size);
		bad = is_write ? fault_in_iov_iter_readable(iter, wanted) :
				 fault_in_iov_iter_writeable(iter, wanted);
		if (bad == wanted || ++tries > VSER_FAULT_TRIES_MAX)
			return total ?: -EFAULT;
		/* A fatal signal can keep pages from coming in for good. */
		if (fatal_signal_pending(current))
			return total ?: -EINTR;
	}
	return total;
}

static bool vser_may_block(const struct kiocb *iocb)
{
	return !(iocb->ki_flags & IOCB_NOWAIT) && !(iocb->ki_filp->f_flags & O_NONBLOCK);
}

static ssize_t vser_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	ssize_t result;

	for (;;) {
		result = vser_transfer(file->port, to, false);
		if (result != -EAGAIN || !vser_may_block(iocb))
			return result;
		if (vser_aio_wanted(iocb))
			return vser_aio_submit(file->port, iocb, to, false, 0);
		result = vser_wait(file, EPOLLIN);
		if (result)
			return result;
	}
}

/*
 * Blocks until everything is written, as a terminal does; a signal leaves a short count, also
 * when a reader takes the bytes as fast as they come.
 */
static ssize_t vser_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	ssize_t total = 0, result;

	for (;;) {
		result = vser_transfer(file->port, from, true);
		if (result > 0)
			total += result;
		else if (result != -EAGAIN)
			return total ?: result;
		if (!iov_iter_count(from))
			return total;
		if (!vser_may_block(iocb))
			return total ?: result;
		/* Also the rest of what fitted in part, or the next write would precede it. */
		if (vser_aio_wanted(iocb))
			return vser_aio_submit(file->port, iocb, from, true, total);
		if (result > 0) {
			if (signal_pending(current))
				return total;
			cond_resched();
			continue;
		}
		result = vser_wait(file, EPOLLOUT);
		if (result)
			return total ?: result;
	}
}

static ssize_t vser_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	size_t requested = iov_iter_count(to);
	ssize_t result = vser_read(iocb, to);

	trace_vser_read(file->port->index, requested, result);
	return result;
}

static ssize_t vser_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	size_t requested = iov_iter_count(from);
	ssize_t result = vser_write(iocb, from);

	trace_vser_write(file->port->index, requested, result);
	return result;
}

const struct file_operations vser_fops = {
	.owner = THIS_MODULE,
	.open = vser_open,
	.release = vser_release,
	.read_iter = vser_read_iter,
	.write_iter = vser_write_iter,
	.poll = vser_poll,
	.fasync = vser_fasync,
	.unlocked_ioctl = vser_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = vser_uring_cmd,
};
