// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: faults of bytes as they arrive: injected faults, mismatched settings and cut cables. All
 * under the link lock.
 */
#include <linux/minmax.h>

#include "vser.h"

#define VSER_PPM 1000000u

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

/* Applies faults to one byte. Returns false if it is lost. */
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
		/* A parity bit detects an odd number of wrong bits. */
		if (parity == VS_PARITY_ODD || parity == VS_PARITY_EVEN)
			port->stats.parity_errors++;
	}
	*byte &= mask;
	return true;
}

static void vser_cross_damaged(struct vser_port *port, u32 count)
{
	struct vser_ring *ring = &port->ring;
	u32 mask = ring->size - 1, kept = 0, lost, i;
	bool mismatch = vser_mismatch(port);

	for (i = 0; i < count; i++) {
		u8 byte = ring->bytes[(ring->wire + i) & mask];

		if (vser_damage(port, mismatch, &byte))
			ring->bytes[(ring->wire + kept++) & mask] = byte;
	}
	lost = count - kept;
	if (lost) {
		/* Close the gap: move the bytes in transit. */
		for (i = ring->wire + count; i != ring->head; i++)
			ring->bytes[(i - lost) & mask] = ring->bytes[i & mask];
		ring->head -= lost;
	}
	ring->wire += kept;
	port->stats.rx_bytes += kept;
	if (kept)
		vser_note(port, EPOLLIN | EPOLLRDNORM);
}

/* The next @count bytes in transit arrive at @port, unless faults lose them. */
void vser_cross(struct vser_port *port, u32 count)
{
	u32 free_before = vser_ring_free(&port->ring);
	struct vser_port *sender = vser_peer(port);

	if (!count)
		return;
	if (vser_wire_is_clean(port)) {
		port->ring.wire += count;
		port->stats.rx_bytes += count;
		vser_note(port, EPOLLIN | EPOLLRDNORM);
	} else {
		vser_cross_damaged(port, count);
	}
	if (sender)
		vser_note_sent(sender, free_before);
}
