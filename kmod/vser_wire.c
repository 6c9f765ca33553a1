// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: the time that bytes take. Rings, pacing and breaks of ports, all under the link lock.
 *
 * A ring belongs to the receiving port. It has, in order, the bytes that have arrived and the
 * bytes in transit; "arrived" is an index that the timer advances. So a byte is copied twice, in
 * and out, with pacing and without.
 *
 * While the other end is unbound, there is no such ring. The bytes take the same time and are then
 * lost; only their number is stored, in "unheard".
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "vser.h"

/* The port that @port sends to and receives from. NULL: the other end is unbound. */
struct vser_port *vser_peer(const struct vser_port *port)
{
	return port->link->ends[port->link->crossed ? !port->end : port->end];
}

u32 vser_readable(const struct vser_port *port)
{
	return port->ring.wire - port->ring.tail;
}

/* Bytes that @port may send now. */
u32 vser_room(const struct vser_port *port)
{
	const struct vser_port *peer = vser_peer(port);

	return peer ? vser_ring_free(&peer->ring) : port->ring.size - port->unheard;
}

/* Bytes in transit from @port. */
u32 vser_unsent(const struct vser_port *port)
{
	const struct vser_port *peer = vser_peer(port);

	return peer ? vser_in_flight(peer) : port->unheard;
}

/* @port may have room again, or be drained. Writers wait only for a full ring. */
void vser_note_sent(struct vser_port *port, u32 room_before)
{
	if (!room_before && vser_room(port))
		vser_note(port, EPOLLOUT | EPOLLWRNORM);
	if (port->drainers && !vser_unsent(port))
		vser_note(port, VSER_DRAINED);
}

/* ---- Pacing ---- */

/* Start, data, parity and stop bits, in half bits because of 1.5 stop bits. */
static u64 vser_line_ns(const struct vser_line *line)
{
	u32 half_bits = 2 + 2 * line->format.data_bits;

	if (line->format.parity != VS_PARITY_NONE)
		half_bits += 2;
	half_bits += 2 + line->format.stop_bits;
	return div_u64((u64)half_bits * (NSEC_PER_SEC / 2), line->baud);
}

/* The time of a byte to @port, according to the sender's settings. */
static u64 vser_byte_ns(const struct vser_port *port)
{
	const struct vser_port *sender = vser_peer(port);

	return vser_line_ns(sender ? &sender->line : &port->line);
}

/* Returns how many of @in_flight bytes have had time to arrive since *@clock, and advances it. */
static u32 vser_elapse(ktime_t *clock, u32 in_flight, u64 byte_ns)
{
	ktime_t now = ktime_get();
	u64 count;

	if (!in_flight || !ktime_after(now, *clock))
		return 0;
	count = min_t(u64, div64_u64(ktime_to_ns(ktime_sub(now, *clock)), byte_ns), in_flight);
	*clock = ktime_add_ns(*clock, count * byte_ns);
	return count;
}

/* Delivers all bytes to @port that have had time to arrive. */
void vser_advance(struct vser_port *port)
{
	if (!vser_pacing) {
		vser_cross(port, vser_in_flight(port));
		return;
	}
	if (port->break_until) {
		if (ktime_before(ktime_get(), port->break_until))
			return;
		if (ktime_after(port->break_until, port->wire_clock))
			port->wire_clock = port->break_until;
		port->break_until = 0;
		vser_signals_changed(port);
	}
	vser_cross(port, vser_elapse(&port->wire_clock, vser_in_flight(port), vser_byte_ns(port)));
}

/* The next @count bytes from @port to an unbound end are lost. */
static void vser_lose_unheard(struct vser_port *port, u32 count)
{
	u32 room_before = vser_room(port);

	if (!count)
		return;
	port->unheard -= count;
	port->stats.dropped_bytes += count;
	vser_note_sent(port, room_before);
}

static void vser_advance_unheard(struct vser_port *port)
{
	u32 count = port->unheard;

	if (vser_pacing)
		count = vser_elapse(&port->unheard_clock, count, vser_line_ns(&port->line));
	vser_lose_unheard(port, count);
}

/* Like vser_advance(), for the bytes that @port has sent. */
void vser_advance_output(struct vser_port *port)
{
	struct vser_port *peer = vser_peer(port);

	if (peer)
		vser_advance(peer);
	else
		vser_advance_unheard(port);
}

/*
 * The same in both directions. Call it before any change of the cable or of its settings, so that
 * bytes which had time to arrive do so under the old conditions.
 */
void vser_advance_cable(struct vser_port *port)
{
	vser_advance(port);
	if (vser_peer(port) != port)
		vser_advance_output(port);
}

/* A time for the timer, and how late it may be. */
struct vser_moment {
	ktime_t time;
	u64 slack;
};

/* Makes @next no later than the end of the next batch of the @in_flight bytes since @clock. */
static void vser_plan_batch(struct vser_moment *next, ktime_t clock, u32 in_flight, u64 byte_ns,
			    u64 tick)
{
	u64 batch = clamp_t(u64, div64_u64(tick, byte_ns), 1, in_flight);
	ktime_t end = ktime_add_ns(clock, batch * byte_ns);

	if (!ktime_before(end, next->time))
		return;
	next->time = end;
	/* The middle of a long run may share an interrupt with other ports. */
	next->slack = batch < in_flight ? min_t(u64, batch * byte_ns / 4, VSER_SLACK_NS) : 0;
}

/* Starts the timer for the next event on the way to @port, or from it to an unbound end. */
void vser_settle_timer(struct vser_port *port)
{
	struct vser_moment next = { .time = KTIME_MAX };
	u32 in_flight = vser_in_flight(port);

	if (!vser_pacing || port->dead)
		return;
	if (port->break_until)
		next.time = port->break_until;
	else if (in_flight)
		vser_plan_batch(&next, port->wire_clock, in_flight, vser_byte_ns(port),
				vser_readable(port) ? VSER_UNREAD_TICK_NS : VSER_TICK_NS);
	if (port->unheard)
		vser_plan_batch(&next, port->unheard_clock, port->unheard,
				vser_line_ns(&port->line), VSER_TICK_NS);
	if (next.time == KTIME_MAX)
		return;
	port->timer_armed = true;
	hrtimer_start_range_ns(&port->timer, next.time, next.slack, HRTIMER_MODE_ABS_SOFT);
}

enum hrtimer_restart vser_timer(struct hrtimer *timer)
{
	struct vser_port *port = container_of(timer, struct vser_port, timer);
	unsigned long flags = vser_lock(port);

	port->timer_armed = false;
	vser_advance(port);
	if (port->unheard)
		vser_advance_unheard(port);
	vser_settle_timer(port);
	vser_unlock(port, flags);
	return HRTIMER_NORESTART;
}

/* The byte in transit takes another time now, and keeps the fraction that has passed. */
static void vser_rescale(ktime_t *clock, u64 byte_ns_before, u64 byte_ns)
{
	ktime_t now = ktime_get();
	u64 made;

	if (!ktime_after(now, *clock))
		return;
	made = min_t(u64, ktime_to_ns(ktime_sub(now, *clock)), byte_ns_before);
	made = div64_u64(made * byte_ns, byte_ns_before);
	*clock = ktime_sub_ns(now, made);
}

/* Gives @port new settings. Bytes that have had time to arrive used the old ones. */
void vser_change_line(struct vser_port *port, struct vser_line line)
{
	u64 byte_ns_before = vser_line_ns(&port->line), byte_ns = vser_line_ns(&line);
	struct vser_port *peer = vser_peer(port);

	vser_advance_cable(port);
	port->line = line;
	if (!vser_pacing)
		return;
	if (port->unheard) {
		vser_rescale(&port->unheard_clock, byte_ns_before, byte_ns);
		vser_settle_timer(port);
	}
	if (peer && vser_in_flight(peer) && !peer->break_until)
		vser_rescale(&peer->wire_clock, byte_ns_before, byte_ns);
	if (peer)
		vser_settle_timer(peer);
}

/*
 * More than @in_flight_before bytes are in transit, with the clock *@clock and the timer of @port.
 * If there were none before, their time starts now, whatever the timer was armed for.
 */
static void vser_start_wire(struct vser_port *port, ktime_t *clock, u32 in_flight_before)
{
	if (!in_flight_before && ktime_before(*clock, ktime_get()))
		*clock = ktime_get();
	if (!in_flight_before || !port->timer_armed)
		vser_settle_timer(port);
}

/* @in_flight_before bytes were in transit to @port; now there are more. */
void vser_sent(struct vser_port *port, u32 in_flight_before)
{
	if (vser_pacing)
		vser_start_wire(port, &port->wire_clock, in_flight_before);
	else
		vser_cross(port, vser_in_flight(port));
}

/* @port sends @count more bytes to an unbound end. */
void vser_send_unheard(struct vser_port *port, u32 count)
{
	u32 unheard_before = port->unheard;

	port->unheard += count;
	if (vser_pacing)
		vser_start_wire(port, &port->unheard_clock, unheard_before);
	else
		vser_advance_unheard(port);
}

/* @port has left the cable: the bytes in transit from @peer have no receiver now. */
void vser_lose_listener(struct vser_port *peer, const struct vser_port *port)
{
	peer->unheard = vser_in_flight(port);
	peer->unheard_clock = port->wire_clock;
	vser_settle_timer(peer);
}

/* Another port joins @port's cable. It does not receive bytes that are already in transit. */
void vser_gain_listener(struct vser_port *port)
{
	vser_advance(port);
	vser_advance_unheard(port);
	vser_lose_unheard(port, port->unheard);
}

/* ---- Breaks ---- */

/*
 * @count breaks arrive at @port at the same time, like one break. Without pacing it ends at once,
 * but is still reported.
 */
void vser_receive_breaks(struct vser_port *port, u32 count, unsigned int milliseconds)
{
	ktime_t until;

	if (!count || vser_link_down(port))
		return;
	port->stats.break_errors += count;
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
