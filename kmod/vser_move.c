// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: moving bytes between rings and iterators, under the link lock. User memory is copied
 * with page faults off. After a short count the caller must release the lock, fault the memory
 * in, and try again.
 */
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "vser.h"

/* Bytes for an unbound end are copied in pieces of this size, to check the address. */
#define VSER_SCRATCH_BYTES 256

/*
 * Takes the bytes that have arrived at @port, up to the iterator's size. When none are left, the
 * timer must be set again, because it may be too late for the next ones.
 */
size_t vser_take(struct vser_port *port, struct iov_iter *to)
{
	struct vser_port *sender = vser_peer(port);
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
		if (sender)
			vser_note_sent(sender, free_before);
		if (!vser_readable(port))
			vser_settle_timer(port);
	}
	return total;
}

/* The other end is unbound. The bytes are still copied, so that a bad address is an error. */
static size_t vser_put_unheard(struct vser_port *port, struct iov_iter *from)
{
	size_t room = vser_room(port), total = 0;
	u8 scratch[VSER_SCRATCH_BYTES];

	while (total < room && iov_iter_count(from)) {
		size_t chunk = min3(room - total, sizeof(scratch), iov_iter_count(from));
		size_t copied;

		pagefault_disable();
		copied = copy_from_iter(scratch, chunk, from);
		pagefault_enable();
		total += copied;
		if (copied < chunk)
			break;
	}
	if (total) {
		port->stats.tx_bytes += total;
		vser_send_unheard(port, total);
	}
	return total;
}

static size_t vser_put_ring(struct vser_port *port, struct vser_port *peer, struct iov_iter *from)
{
	u32 in_flight_before = vser_in_flight(peer);
	struct vser_ring *ring = &peer->ring;
	size_t total = 0;

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

/* Sends from @port as many bytes as there is room for. */
size_t vser_put(struct vser_port *port, struct iov_iter *from)
{
	struct vser_port *peer = vser_peer(port);

	/* If the cable has become idle meanwhile, its time starts with these bytes. */
	vser_advance_output(port);
	return peer ? vser_put_ring(port, peer, from) : vser_put_unheard(port, from);
}
