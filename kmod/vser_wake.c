// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: the link lock, and the wake-ups that releasing it publishes.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "vser.h"

#define CREATE_TRACE_POINTS
#include "vser_trace.h"

unsigned long vser_lock(struct vser_port *port) __acquires(&port->link->lock)
{
	unsigned long flags;

	spin_lock_irqsave(&port->link->lock, flags);
	return flags;
}

/* @exclusive: how many exclusive waiters to wake, 0 for all. @band: the band of SIGIO, or 0. */
static void vser_publish(struct vser_port *port, __poll_t events, int exclusive, int band)
{
	if (wq_has_sleeper(&port->wait))
		__wake_up(&port->wait, TASK_INTERRUPTIBLE, exclusive, poll_to_key(events));
	if (band)
		kill_fasync(&port->fasync, SIGIO, band);
}

/*
 * Bytes and room each wake one exclusive waiter (EPOLLEXCLUSIVE). They are published separately,
 * because otherwise an exclusive waiter for one would consume the wake-up of the other. All other
 * events wake all waiters.
 */
static void vser_wake(struct vser_port *port, __poll_t events)
{
	trace_vser_wake(port->index, (__force unsigned int)events);
	if (events & EPOLLHUP) {
		vser_publish(port, events, 0, POLL_HUP);
		return;
	}
	if (events & EPOLLIN)
		vser_publish(port, EPOLLIN | EPOLLRDNORM, 1, POLL_IN);
	if (events & EPOLLOUT)
		vser_publish(port, EPOLLOUT | EPOLLWRNORM, 1, POLL_OUT);
	if (events & EPOLLPRI)
		vser_publish(port, EPOLLPRI, 0, POLL_PRI);
	if (events & VSER_DRAINED)
		vser_publish(port, VSER_DRAINED, 0, 0);
}

/* The events to publish at @port. Bytes and room that were used meanwhile are not published. */
static __poll_t vser_news(struct vser_port *port)
{
	__poll_t events = port->wake_events;

	port->wake_events = 0;
	if (events & EPOLLHUP)
		return events;
	if (!vser_readable(port))
		events &= ~(EPOLLIN | EPOLLRDNORM);
	if (!vser_room(port))
		events &= ~(EPOLLOUT | EPOLLWRNORM);
	return events;
}

/*
 * Ends a critical section: serves waiting requests, releases the lock and wakes waiters, so that
 * no change of state can miss its wake-up.
 *
 * The read-side section keeps the other end's memory until its waiters have been woken, because
 * unbinding waits for a grace period after the port has left the link.
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
