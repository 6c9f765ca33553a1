// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: the wire. Rings, pacing, damage and breaks of ports, all under the link lock.
 *
 * A ring belongs to the receiving port and holds, in order, bytes that arrived and bytes
 * that are still on the wire; "arrived" is an index that the timer moves on. So a byte is
 * copied twice, in and out, whether the wire is paced or not.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "vser.h"

#define CREATE_TRACE_POINTS
#include "vser_trace.h"

#define VSER_PPM 1000000u

/* The port that hears @port, and that @port hears. NULL: the other end is not bound. */
struct vser_port *vser_peer(const struct vser_port *port)
{
	return port->link->ends[port->link->crossed ? !port->end : port->end];
}

static u32 vser_in_flight(const struct vser_port *port)
{
	return port->ring.head - port->ring.wire;
}

u32 vser_readable(const struct vser_port *port)
{
	return port->ring.wire - port->ring.tail;
}

static u32 vser_ring_free(const struct vser_ring *ring)
{
	return ring->size - (ring->head - ring->tail);
}

/* Bytes that @port may send now. With nobody at the other end they vanish, as many as there are. */
u32 vser_room(const struct vser_port *port)
{
	const struct vser_port *peer = vser_peer(port);

	return peer ? vser_ring_free(&peer->ring) : U32_MAX;
}

/* Space appeared in @port's ring. Writers only ever wait for a full ring to have some. */
static void vser_note_freed(struct vser_port *port, u32 free_before)
{
	struct vser_port *sender = vser_peer(port);

	if (sender && !free_before && vser_ring_free(&port->ring))
		vser_note(sender, EPOLLOUT | EPOLLWRNORM);
}

/* ---- Locking and wake-ups ---- */

unsigned long vser_lock(struct vser_port *port) __acquires(&port->link->lock)
{
	unsigned long flags;

	spin_lock_irqsave(&port->link->lock, flags);
	return flags;
}

static void vser_wake(struct vser_port *port, __poll_t events)
{
	/* Bytes and room are for one exclusive waiter (EPOLLEXCLUSIVE), a hang-up is for all. */
	int exclusive = events & EPOLLHUP ? 0 : 1;

	trace_vser_wake(port->index, (__force unsigned int)events);
	if (wq_has_sleeper(&port->wait))
		__wake_up(&port->wait, TASK_INTERRUPTIBLE, exclusive, poll_to_key(events));
	if (events & EPOLLIN)
		kill_fasync(&port->fasync, SIGIO, POLL_IN);
	if (events & EPOLLOUT)
		kill_fasync(&port->fasync, SIGIO, POLL_OUT);
	if (events & EPOLLPRI)
		kill_fasync(&port->fasync, SIGIO, POLL_PRI);
	if (events & EPOLLHUP)
		kill_fasync(&port->fasync, SIGIO, POLL_HUP);
}

/* What waiters at @port have to be told, once; not of bytes that somebody has taken already. */
static __poll_t vser_news(struct vser_port *port)
{
	__poll_t events = port->wake_events;

	port->wake_events = 0;
	if (!vser_readable(port))
		events &= ~(EPOLLIN | EPOLLRDNORM);
	return events;
}

/*
 * Ends a critical section: first gives waiting requests what it made available, then releases
 * the lock and tells waiters. Nobody can change state and forget the wake-up.
 *
 * The read-side section keeps the other end's memory until its waiters have been told:
 * unbinding waits for a grace period after it has left the link.
 */
void vser_unlock(struct vser_port *port, unsigned long flags) __releases(&port->link->lock)
{
	struct vser_port *peer = vser_peer(port);
	__poll_t own, others = 0;
	bool again;

	if (peer == port)
		peer = NULL;
	do {
		again = vser_aio_serve(port);
		if (peer)
			again |= vser_aio_serve(peer);
	} while (again);

	own = vser_news(port);
	if (peer)
		others = vser_news(peer);

	rcu_read_lock();
	spin_unlock_irqrestore(&port->link->lock, flags);
	if (own)
		vser_wake(port, own);
	if (others)
		vser_wake(peer, others);
	rcu_read_unlock();
}

/* ---- Damage ---- */

static u32 vser_random(struct vser_port *port)
{
	u32 x = port->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	port->random = x;
	return x;
}

static bool vser_chance(struct vser_port *port, u32 ppm)
{
	return ppm && vser_random(port) % VSER_PPM < ppm;
}

static bool vser_spend(u32 *count)
{
	if (!*count)
		return false;
	--*count;
	return true;
}

bool vser_link_down(const struct vser_port *port)
{
	const struct vser_port *peer = vser_peer(port);

	return port->faults.link_down || (peer && peer->faults.link_down);
}

/* Both ends must agree on baud and format, or the receiver samples the wrong moments. */
static bool vser_mismatch(const struct vser_port *port)
{
	const struct vser_port *sender = vser_peer(port);

	if (!sender || sender == port)
		return false;
	return sender->line.baud != port->line.baud ||
	       vs_ffmt_pack(sender->line.format) != vs_ffmt_pack(port->line.format);
}

static bool vser_wire_is_clean(const struct vser_port *port)
{
	const struct vser_faults *faults = &port->faults;

	return !faults->parity && !faults->frame && !faults->overrun && !faults->bit_flip_ppm &&
	       !faults->drop_ppm && !vser_link_down(port) && !vser_mismatch(port) &&
	       port->line.format.data_bits == 8;
}

/* What the wire does to one byte; false when it is lost. */
static bool vser_damage(struct vser_port *port, bool mismatch, u8 *byte)
{
	struct vser_faults *faults = &port->faults;
	u8 mask = 0xff >> (8 - port->line.format.data_bits);
	u8 parity = port->line.format.parity;

	if (vser_link_down(port) || vser_chance(port, faults->drop_ppm)) {
		port->stats.dropped_bytes++;
		return false;
	}
	if (vser_spend(&faults->overrun)) {
		port->stats.overrun_errors++;
		return false;
	}
	if (mismatch || vser_spend(&faults->frame)) {
		*byte ^= vser_random(port) | 1;
		port->stats.frame_errors++;
	} else if (vser_spend(&faults->parity)) {
		*byte ^= 1;
		port->stats.parity_errors++;
	} else if (vser_chance(port, faults->bit_flip_ppm)) {
		*byte ^= 1 << vser_random(port) % port->line.format.data_bits;
		/* An odd number of wrong bits is what a parity bit is there to notice. */
		if (parity == VS_PARITY_ODD || parity == VS_PARITY_EVEN)
			port->stats.parity_errors++;
	}
	*byte &= mask;
	return true;
}

static void vser_cross_damaged(struct vser_port *port, u32 count)
{
	struct vser_ring *ring = &port->ring;
	u32 mask = ring->size - 1, free_before = vser_ring_free(ring), kept = 0, lost, i;
	bool mismatch = vser_mismatch(port);

	for (i = 0; i < count; i++) {
		u8 byte = ring->bytes[(ring->wire + i) & mask];

		if (vser_damage(port, mismatch, &byte))
			ring->bytes[(ring->wire + kept++) & mask] = byte;
	}
	lost = count - kept;
	if (lost) {
		/* Close the gap: what is still on the wire moves up. */
		for (i = ring->wire + count; i != ring->head; i++)
			ring->bytes[(i - lost) & mask] = ring->bytes[i & mask];
		ring->head -= lost;
		vser_note_freed(port, free_before);
	}
	ring->wire += kept;
	port->stats.rx_bytes += kept;
	if (kept)
		vser_note(port, EPOLLIN | EPOLLRDNORM);
}

/* The next @count bytes on the wire arrive at @port. */
static void vser_cross(struct vser_port *port, u32 count)
{
	if (!count)
		return;
	if (!vser_wire_is_clean(port)) {
		vser_cross_damaged(port, count);
		return;
	}
	port->ring.wire += count;
	port->stats.rx_bytes += count;
	vser_note(port, EPOLLIN | EPOLLRDNORM);
}

/* ---- Pacing ---- */

/* Start bit, data, parity and stop bits of the sender, counted in halves because of 1.5. */
static u64 vser_byte_ns(const struct vser_port *port)
{
	const struct vser_port *sender = vser_peer(port);
	const struct vser_line *line = sender ? &sender->line : &port->line;
	u32 half_bits = 2 + 2 * line->format.data_bits;

	if (line->format.parity != VS_PARITY_NONE)
		half_bits += 2;
	half_bits += 2 + line->format.stop_bits;
	return div_u64((u64)half_bits * (NSEC_PER_SEC / 2), line->baud);
}

/* Lets everything arrive at @port that has had the time to. */
void vser_advance(struct vser_port *port)
{
	u32 in_flight = vser_in_flight(port);
	u64 byte_ns, count;
	ktime_t now;

	if (!vser_pacing) {
		vser_cross(port, in_flight);
		return;
	}
	now = ktime_get();
	if (port->break_until) {
		if (ktime_before(now, port->break_until))
			return;
		if (ktime_after(port->break_until, port->wire_clock))
			port->wire_clock = port->break_until;
		port->break_until = 0;
		vser_signals_changed(port);
	}
	if (!in_flight || !ktime_after(now, port->wire_clock))
		return;
	byte_ns = vser_byte_ns(port);
	count = min_t(u64, div64_u64(ktime_to_ns(ktime_sub(now, port->wire_clock)), byte_ns),
		      in_flight);
	port->wire_clock = ktime_add_ns(port->wire_clock, count * byte_ns);
	vser_cross(port, count);
}

/*
 * The same in both directions. Before anything changes that decides what crosses the cable, or
 * how: what has had the time did so as the cable was.
 */
void vser_advance_cable(struct vser_port *port)
{
	struct vser_port *peer = vser_peer(port);

	vser_advance(port);
	if (peer && peer != port)
		vser_advance(peer);
}

/* Starts the timer for the next thing that happens on the wire to @port. */
void vser_settle_timer(struct vser_port *port)
{
	u32 in_flight = vser_in_flight(port);
	u64 slack = 0;
	ktime_t next;

	if (!vser_pacing || port->dead)
		return;
	if (port->break_until) {
		next = port->break_until;
	} else if (in_flight) {
		u64 tick = vser_readable(port) ? VSER_UNREAD_TICK_NS : VSER_TICK_NS;
		u64 byte_ns = vser_byte_ns(port);
		u64 batch = clamp_t(u64, div64_u64(tick, byte_ns), 1, in_flight);

		next = ktime_add_ns(port->wire_clock, batch * byte_ns);
		/* The middle of a long run may come together with that of other ports. */
		if (batch < in_flight)
			slack = min_t(u64, batch * byte_ns / 4, VSER_SLACK_NS);
	} else {
		return;
	}
	port->timer_armed = true;
	hrtimer_start_range_ns(&port->timer, next, slack, HRTIMER_MODE_ABS_SOFT);
}

/* The byte on the wire to @port takes another time now, and keeps the share of its way made. */
static void vser_rescale_wire(struct vser_port *port, u64 byte_ns_before)
{
	ktime_t now = ktime_get();
	u64 made;

	if (!vser_pacing || !vser_in_flight(port) || port->break_until ||
	    !ktime_after(now, port->wire_clock))
		return;
	made = min_t(u64, ktime_to_ns(ktime_sub(now, port->wire_clock)), byte_ns_before);
	made = div64_u64(made * vser_byte_ns(port), byte_ns_before);
	port->wire_clock = ktime_sub_ns(now, made);
}

/* Gives @port new settings: what has crossed did so with the old ones. */
void vser_change_line(struct vser_port *port, struct vser_line line)
{
	struct vser_port *peer = vser_peer(port);
	u64 byte_ns_before;

	vser_advance_cable(port);
	if (!peer) {
		port->line = line;
		return;
	}
	byte_ns_before = vser_byte_ns(peer);
	port->line = line;
	vser_rescale_wire(peer, byte_ns_before);
	vser_settle_timer(peer);
}

enum hrtimer_restart vser_timer(struct hrtimer *timer)
{
	struct vser_port *port = container_of(timer, struct vser_port, timer);
	unsigned long flags = vser_lock(port);

	port->timer_armed = false;
	vser_advance(port);
	vser_settle_timer(port);
	vser_unlock(port, flags);
	return HRTIMER_NORESTART;
}

/* @in_flight_before bytes were on the wire to @port; now there are more. */
static void vser_sent(struct vser_port *port, u32 in_flight_before)
{
	if (!vser_pacing) {
		vser_cross(port, vser_in_flight(port));
		return;
	}
	/*
	 * An idle wire starts now, whatever the timer was armed for; a busy one goes on where it
	 * is.
	 */
	if (!in_flight_before && ktime_before(port->wire_clock, ktime_get()))
		port->wire_clock = ktime_get();
	if (!in_flight_before || !port->timer_armed)
		vser_settle_timer(port);
}

/* ---- Moving bytes. Iterators over user memory are copied with page faults off: a short count
 * ---- means that the caller must fault the memory in, without the lock, and try again.
 */

/*
 * Takes what has arrived at @port, up to the iterator's size. Once nothing is unread, the next
 * bytes are news: the timer may have been set too late for them.
 */
size_t vser_take(struct vser_port *port, struct iov_iter *to)
{
	struct vser_ring *ring = &port->ring;
	u32 free_before = vser_ring_free(ring);
	size_t total = 0;

	while (vser_readable(port) && iov_iter_count(to)) {
		u32 offset = ring->tail & (ring->size - 1);
		size_t chunk = min_t(size_t, min(vser_readable(port), ring->size - offset),
				     iov_iter_count(to));
		size_t copied;

		pagefault_disable();
		copied = copy_to_iter(ring->bytes + offset, chunk, to);
		pagefault_enable();
		ring->tail += copied;
		total += copied;
		if (copied < chunk)
			break;
	}
	if (total) {
		vser_note_freed(port, free_before);
		if (!vser_readable(port))
			vser_settle_timer(port);
	}
	return total;
}

/* Sends from @port what there is room for. */
size_t vser_put(struct vser_port *port, struct iov_iter *from)
{
	struct vser_port *peer = vser_peer(port);
	struct vser_ring *ring;
	size_t total = 0;
	u32 in_flight_before;

	if (!peer) {
		total = min_t(size_t, iov_iter_count(from), U32_MAX);
		iov_iter_advance(from, total);
		port->stats.tx_bytes += total;
		port->stats.dropped_bytes += total;
		return total;
	}

	/* A wire that has gone idle since anybody looked starts with these bytes. */
	vser_advance(peer);
	ring = &peer->ring;
	in_flight_before = vser_in_flight(peer);
	while (vser_ring_free(ring) && iov_iter_count(from)) {
		u32 offset = ring->head & (ring->size - 1);
		size_t chunk = min_t(size_t, min(vser_ring_free(ring), ring->size - offset),
				     iov_iter_count(from));
		size_t copied;

		pagefault_disable();
		copied = copy_from_iter(ring->bytes + offset, chunk, from);
		pagefault_enable();
		ring->head += copied;
		total += copied;
		if (copied < chunk)
			break;
	}
	if (total) {
		port->stats.tx_bytes += total;
		vser_sent(peer, in_flight_before);
	}
	return total;
}

/* ---- Breaks ---- */

/* A break arrives at @port. On a wire without pacing it is over at once, yet it is seen. */
void vser_receive_break(struct vser_port *port, unsigned int milliseconds)
{
	ktime_t until;

	if (vser_link_down(port))
		return;
	port->stats.break_errors++;
	if (!vser_pacing) {
		vser_signals_pulsed(port, VS_SIGNAL_BREAK);
		return;
	}
	vser_advance(port);
	until = ktime_add_ms(ktime_get(), milliseconds);
	if (ktime_after(until, port->break_until))
		port->break_until = until;
	vser_settle_timer(port);
	vser_signals_changed(port);
}
