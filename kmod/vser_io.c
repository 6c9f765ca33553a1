// SPDX-License-Identifier: GPL-2.0-only
/* vser: waiting, reading and writing. */
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "vser.h"
#include "vser_trace.h"

/* A page that was just faulted in can be evicted again; give up after this many attempts. */
#define VSER_FAULT_TRIES_MAX 16

/* ---- The state that a call would find, under the lock ---- */

/* Bytes for a reader. Waiting requests come first: they get the bytes that arrive now. */
static u32 vser_takeable(struct vser_port *port)
{
	if (!list_empty(&port->reads))
		return 0;
	vser_advance(port);
	return vser_readable(port);
}

/* Room for a writer. Waiting requests come first, but not in the middle of its write. */
static u32 vser_sendable(struct vser_port *port)
{
	if (!port->writing && !list_empty(&port->writes))
		return 0;
	vser_advance_output(port);
	return vser_room(port);
}

/* Consistent with read and write: they succeed exactly when poll reports the event. */
__poll_t vser_events(struct vser_file *file)
{
	struct vser_port *port = file->port;
	unsigned long flags = vser_lock(port);
	__poll_t events = 0;

	if (port->dead) {
		events = EPOLLHUP | EPOLLERR;
	} else {
		if (vser_takeable(port))
			events |= EPOLLIN | EPOLLRDNORM;
		if (vser_sendable(port))
			events |= EPOLLOUT | EPOLLWRNORM;
		if (port->sequence != file->seen_sequence)
			events |= EPOLLPRI;
	}
	vser_unlock(port, flags);
	return events;
}

/* ---- Waiting ---- */

struct vser_waiter {
	struct wait_queue_entry entry;
	__poll_t events;
};

/* Wakes only for the events that the waiter requested, as poll's own entries do. */
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

/* ---- Moving bytes without waiting ---- */

/*
 * One attempt. Returns the count moved, -EAGAIN if no byte can move, or -ENODEV. @faulted: a page
 * fault stopped the copy before the end of the ring and of the iterator.
 */
static ssize_t vser_attempt(struct vser_port *port, struct iov_iter *iter, bool is_write,
			    bool *faulted)
{
	unsigned long flags = vser_lock(port);
	ssize_t result = -ENODEV;
	size_t wanted = 0;

	if (!port->dead) {
		wanted = min_t(size_t, iov_iter_count(iter),
			       is_write ? vser_sendable(port) : vser_takeable(port));
		result = -EAGAIN;
	}
	if (wanted)
		result = is_write ? vser_put(port, iter) : vser_take(port, iter);
	if (is_write && result > 0)
		port->writing = iov_iter_count(iter);
	*faulted = result >= 0 && result < wanted;
	vser_unlock(port, flags);
	return result;
}

/*
 * Moves as many bytes as possible without waiting. The copy runs with page faults off; if a fault
 * stops it, the memory is faulted in and the copy continues. A bad address ends the transfer:
 * bytes before it have moved, bytes after it have not.
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
		/* After a fatal signal, pages may never be faulted in. */
		if (fatal_signal_pending(current))
			return total ?: -EINTR;
	}
	return total;
}

static bool vser_may_block(const struct kiocb *iocb)
{
	return !(iocb->ki_flags & IOCB_NOWAIT) && !(iocb->ki_filp->f_flags & O_NONBLOCK);
}

/* ---- Reading ---- */

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

ssize_t vser_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	size_t requested = iov_iter_count(to);
	ssize_t result = vser_read(iocb, to);

	trace_vser_read(file->port->index, requested, result);
	return result;
}

/* ---- Writing, one writer at a time ---- */

/*
 * Blocks until everything is written, as a terminal does. A signal ends it with a short count,
 * even if a reader takes the bytes as fast as they come.
 */
static ssize_t vser_write_locked(struct kiocb *iocb, struct iov_iter *from)
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
		/* Write the rest before the next write starts. */
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

/* For non-blocking writes. If the lock is held, the writer is woken when it is released. */
static bool vser_write_trylock(struct vser_port *port)
{
	unsigned long flags;

	if (mutex_trylock(&port->write_lock))
		return true;
	flags = vser_lock(port);
	port->write_refused = true;
	vser_unlock(port, flags);
	/* The holder may have read write_refused before it was set. */
	return mutex_trylock(&port->write_lock);
}

static void vser_write_unlock(struct vser_port *port)
{
	unsigned long flags;

	/* The write ended early: serve the requests that waited behind it. */
	if (port->writing) {
		flags = vser_lock(port);
		port->writing = false;
		vser_unlock(port, flags);
	}
	mutex_unlock(&port->write_lock);

	flags = vser_lock(port);
	if (port->write_refused)
		vser_note(port, EPOLLOUT | EPOLLWRNORM);
	port->write_refused = false;
	vser_unlock(port, flags);
}

static ssize_t vser_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	struct vser_port *port = file->port;
	ssize_t result;

	if (!iov_iter_count(from))
		return 0;
	if (vser_aio_wanted(iocb)) {
		/* io_submit does not wait: the whole request is queued. */
		if (!mutex_trylock(&port->write_lock))
			return vser_aio_submit(port, iocb, from, true, 0);
	} else if (!vser_may_block(iocb)) {
		if (!vser_write_trylock(port))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&port->write_lock)) {
		return -ERESTARTSYS;
	}
	result = vser_write_locked(iocb, from);
	vser_write_unlock(port);
	return result;
}

ssize_t vser_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vser_file *file = iocb->ki_filp->private_data;
	size_t requested = iov_iter_count(from);
	ssize_t result = vser_write(iocb, from);

	trace_vser_write(file->port->index, requested, result);
	return result;
}
