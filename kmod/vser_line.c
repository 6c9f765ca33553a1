// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: requests other than reading and writing: settings, modem lines, breaks, flushing, draining
 * and statistics. Every function takes the link lock.
 */
#include <linux/sched/signal.h>

#include "vser.h"

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

/* Changes baud or format and keeps the other. */
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

/* Fills in @wait. Returns true if there is a change to report. */
static bool vser_signals_ready(struct vser_file *file, struct vs_signals_wait *wait)
{
	struct vser_port *port = file->port;
	unsigned long flags = vser_lock(port);
	u32 changed = 0;
	unsigned int line;
	bool ready;

	if (!wait->sequence)
		wait->sequence = port->sequence;
	for (line = 0; line < VSER_MODEM_LINES; line++)
		if ((s32)(port->changed_at[line] - wait->sequence) > 0)
			changed |= BIT(line);
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
		/* A restarted call would wait for changes from a later time on. */
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
		vser_receive_breaks(peer, 1, milliseconds ?: VS_BREAK_MS_DEFAULT);
	vser_unlock(port, flags);
	return error;
}

static void vser_flush_input(struct vser_port *port)
{
	u32 free_before = vser_ring_free(&port->ring);
	struct vser_port *sender = vser_peer(port);

	vser_advance(port);
	port->ring.tail = port->ring.wire;
	vser_settle_timer(port);
	if (sender)
		vser_note_sent(sender, free_before);
}

static void vser_flush_output(struct vser_port *port)
{
	struct vser_port *peer = vser_peer(port);
	u32 room_before = vser_room(port);

	vser_advance_output(port);
	if (peer)
		peer->ring.head = peer->ring.wire;
	else
		port->unheard = 0;
	vser_note_sent(port, room_before);
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
	struct vs_queued queued;

	vser_advance_cable(port);
	queued.output = vser_unsent(port);
	queued.input = vser_readable(port);
	vser_unlock(port, flags);
	return queued;
}

static bool vser_drained(struct vser_port *port)
{
	unsigned long flags = vser_lock(port);
	bool drained;

	vser_advance_output(port);
	drained = port->dead || !vser_unsent(port);
	vser_unlock(port, flags);
	return drained;
}

static void vser_count_drainer(struct vser_port *port, int change)
{
	unsigned long flags = vser_lock(port);

	port->drainers += change;
	vser_unlock(port, flags);
}

int vser_drain(struct vser_port *port, bool nonblock)
{
	int error = 0;

	if (!vser_drained(port)) {
		if (nonblock)
			return -EAGAIN;
		vser_count_drainer(port, 1);
		error = wait_event_interruptible(port->wait, vser_drained(port));
		vser_count_drainer(port, -1);
	}
	if (!error && READ_ONCE(port->dead))
		error = -ENODEV;
	return error;
}

struct vs_stats vser_get_stats(struct vser_port *port)
{
	unsigned long flags = vser_lock(port);
	struct vs_stats stats;

	vser_advance_cable(port);
	stats = port->stats;
	vser_unlock(port, flags);
	return stats;
}
