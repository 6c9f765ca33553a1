/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vser: declarations shared by the files of the module.
 *
 * Objects and their lifetimes:
 *   vser_link  a cable, one spinlock; lives as long as the module.
 *   vser_port  one end of a cable: device, node and receive ring; lives until unbound
 *              and the last descriptor is closed.
 *   vser_file  one open descriptor.
 *   vser_request  one native AIO request that waits in the driver.
 */
#ifndef VSER_H
#define VSER_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "vser_uapi.h"

#define VSER_PORTS_MAX 256u
#define VSER_FIFO_BYTES_MIN 16u
/* Copies run under the link's lock with interrupts off, which bounds the ring. */
#define VSER_FIFO_BYTES_MAX 65536u

/* Limits for the pending native AIO requests of one port. */
#define VSER_REQUESTS_MAX 1024u
#define VSER_PINNED_PAGES_MAX 4096u

/* A paced wire delivers in batches of this length, so that many busy ports stay cheap. */
#define VSER_TICK_NS (4 * NSEC_PER_MSEC)
/* The batch length while bytes are unread: the next read takes everything that has arrived. */
#define VSER_UNREAD_TICK_NS (16 * NSEC_PER_MSEC)
/* A batch may be this late, to share an interrupt with others. It does not change the rate. */
#define VSER_SLACK_NS (1 * NSEC_PER_MSEC)

#define VSER_MODEM_LINES 7

/* Published when all written bytes have arrived. poll never reports it. */
#define VSER_DRAINED EPOLLMSG

struct vser_port;

/**
 * struct vser_link - a cable: one port in loopback, or a null modem of two
 * @lock: protects everything below and, in both ports, every field that says "link lock".
 *        Taken from hrtimer soft interrupts and inside the AIO context lock (cancel), so
 *        always with interrupts off. Nothing but wait queues' and fasync's own locks nests
 *        inside, and those only after it is released: see vser_unlock().
 * @ends: bound ports; NULL while unbound
 * @crossed: two ends, each receives from the other
 */
struct vser_link {
	spinlock_t lock;	/* see above */
	struct vser_port *ends[2];
	bool crossed;
};

struct vser_line {
	u32 baud;
	struct vs_ffmt format;
};

/**
 * struct vser_ring - bytes on their way to one port's readers; indices are not wrapped
 * @bytes: storage
 * @size: power of two
 * @tail: next byte to read
 * @wire: bytes before it have arrived; from here to @head they are in transit
 * @head: next byte to write
 */
struct vser_ring {
	u8 *bytes;
	u32 size;
	u32 tail;
	u32 wire;
	u32 head;
};

/* Injected damage to the bytes that arrive at a port. */
struct vser_faults {
	u32 parity;		/* the next bytes that get a parity error */
	u32 frame;		/* ... a frame error */
	u32 overrun;		/* ... are lost to an overrun */
	u32 bit_flip_ppm;
	u32 drop_ppm;
	bool link_down;
};

/**
 * struct vser_port - one end of a cable
 * @dev: class device; owns the memory of the port
 * @cdev: its node
 * @link: the cable
 * @index: minor number
 * @end: which end of @link
 * @wait: the only wait queue (native AIO's poll refuses two); wake-ups are keyed by poll events
 * @fasync: O_ASYNC descriptors
 * @write_lock: held by a write of more than one step, so that two writers' bytes do not mix
 * @timer: delivers bytes and ends breaks on a paced cable
 * @done_work: completes the requests in @done
 * @random: state of the damage generator, link lock
 * @wake_events: poll events to publish by the next vser_unlock(), link lock
 *
 * All following fields are under the link lock.
 *
 * @dead: unbound; never cleared
 * @opens: open descriptors
 * @line: settings of this end
 * @ring: bytes towards this end
 * @wire_clock: when the last byte to this end has arrived or will arrive
 * @break_until: this end receives a break until then; 0: none
 * @timer_armed: @timer will run
 * @outputs: DTR and RTS as driven by this end
 * @unheard: bytes in transit from this end while the other end is unbound
 * @unheard_clock: when the last of them is lost
 * @writing: the holder of @write_lock has written a part; requests in @writes come after it
 * @write_refused: a non-blocking write found @write_lock held
 * @drainers: calls that wait until all bytes have arrived
 * @ring_line: RI, driven by sysfs
 * @signals: levels of all modem lines as last published
 * @sequence: counts changes of modem lines; never 0
 * @changed_at: sequence number of each modem line's last change
 * @faults: injected faults
 * @stats: see vser_uapi.h
 * @reads: pending native AIO reads, oldest first
 * @writes: pending native AIO writes, oldest first
 * @done: requests to complete
 * @requests: number of requests on the three lists and being set up
 * @pinned_pages: pages pinned by them
 */
struct vser_port {
	struct device dev;
	struct cdev cdev;
	struct vser_link *link;
	unsigned int index;
	unsigned int end;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	struct mutex write_lock;	/* see above */
	struct hrtimer timer;
	struct work_struct done_work;
	u32 random;
	__poll_t wake_events;

	bool dead;
	unsigned int opens;
	struct vser_line line;
	struct vser_ring ring;
	ktime_t wire_clock;
	ktime_t break_until;
	bool timer_armed;
	u32 unheard;
	ktime_t unheard_clock;
	bool writing;
	bool write_refused;
	unsigned int drainers;
	u32 outputs;
	bool ring_line;
	u32 signals;
	u32 sequence;
	u32 changed_at[VSER_MODEM_LINES];
	struct vser_faults faults;
	struct vs_stats stats;
	struct list_head reads;
	struct list_head writes;
	struct list_head done;
	unsigned int requests;
	unsigned int pinned_pages;
};

/**
 * struct vser_file - one descriptor
 * @port: held by the node's reference
 * @seen_sequence: changes of modem lines that the descriptor has seen, link lock
 */
struct vser_file {
	struct vser_port *port;
	u32 seen_sequence;
};

extern bool vser_pacing;
extern struct workqueue_struct *vser_workqueue;
extern const struct file_operations vser_fops;
extern const struct attribute_group *vser_groups[];

/* vser_wake.c: the link lock and the wake-ups when it is released. */
unsigned long vser_lock(struct vser_port *port) __acquires(&port->link->lock);
void vser_unlock(struct vser_port *port, unsigned long flags) __releases(&port->link->lock);

static inline void vser_note(struct vser_port *port, __poll_t events)
{
	port->wake_events |= events;
}

/* vser_wire.c: the time that bytes take. Requires the link lock. */
static inline u32 vser_in_flight(const struct vser_port *port)
{
	return port->ring.head - port->ring.wire;
}

static inline u32 vser_ring_free(const struct vser_ring *ring)
{
	return ring->size - (ring->head - ring->tail);
}

struct vser_port *vser_peer(const struct vser_port *port);
u32 vser_readable(const struct vser_port *port);
u32 vser_room(const struct vser_port *port);
u32 vser_unsent(const struct vser_port *port);
void vser_note_sent(struct vser_port *port, u32 room_before);
void vser_advance(struct vser_port *port);
void vser_advance_output(struct vser_port *port);
void vser_advance_cable(struct vser_port *port);
void vser_settle_timer(struct vser_port *port);
enum hrtimer_restart vser_timer(struct hrtimer *timer);
void vser_change_line(struct vser_port *port, struct vser_line line);
void vser_sent(struct vser_port *port, u32 in_flight_before);
void vser_send_unheard(struct vser_port *port, u32 count);
void vser_lose_listener(struct vser_port *peer, const struct vser_port *port);
void vser_gain_listener(struct vser_port *port);
void vser_receive_breaks(struct vser_port *port, u32 count, unsigned int milliseconds);

/* vser_damage.c: faults of bytes as they arrive. Requires the link lock. */
bool vser_link_down(const struct vser_port *port);
void vser_cross(struct vser_port *port, u32 count);

/* vser_move.c: copying between rings and iterators. Requires the link lock. */
size_t vser_take(struct vser_port *port, struct iov_iter *to);
size_t vser_put(struct vser_port *port, struct iov_iter *from);

/* vser_signals.c: modem lines and notification of their changes. Requires the link lock. */
void vser_signals_changed(struct vser_port *port);
void vser_signals_pulsed(struct vser_port *port, u32 changed);

/* vser_line.c: the implementation of ioctl, uring_cmd and sysfs requests. Takes the link lock. */
bool vser_baud_valid(u32 baud);
bool vser_format_valid(struct vs_ffmt format);
struct vser_line vser_get_line(struct vser_port *port);
int vser_set_baud(struct vser_port *port, u32 baud);
int vser_set_format(struct vser_port *port, struct vs_ffmt format);
u32 vser_get_signals(struct vser_file *file);
int vser_set_signals(struct vser_port *port, u32 mask, u32 value);
int vser_wait_signals(struct vser_file *file, struct vs_signals_wait *wait, bool nonblock);
int vser_send_break(struct vser_port *port, u32 milliseconds);
int vser_flush(struct vser_port *port, u32 what);
struct vs_queued vser_get_queued(struct vser_port *port);
int vser_drain(struct vser_port *port, bool nonblock);
struct vs_stats vser_get_stats(struct vser_port *port);

/* vser_ioctl.c */
long vser_ioctl(struct file *file, unsigned int request, unsigned long argument);
struct io_uring_cmd;
int vser_uring_cmd(struct io_uring_cmd *command, unsigned int issue_flags);

/* vser_io.c: waiting, reading and writing. */
__poll_t vser_events(struct vser_file *file);
ssize_t vser_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t vser_write_iter(struct kiocb *iocb, struct iov_iter *from);

/* vser_splice.c */
ssize_t vser_splice_read(struct file *filp, loff_t *position, struct pipe_inode_info *pipe,
			 size_t size, unsigned int flags);

/* vser_aio.c: native AIO requests that wait in the driver. */
bool vser_aio_wanted(struct kiocb *iocb);
ssize_t vser_aio_submit(struct vser_port *port, struct kiocb *iocb, struct iov_iter *iter,
			bool is_write, ssize_t moved);
bool vser_aio_serve(struct vser_port *port);
int vser_aio_cancel_file(struct vser_port *port, const struct file *file);
void vser_aio_abort(struct vser_port *port, int error);
void vser_aio_done(struct work_struct *work);

#endif /* VSER_H */
