// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: native AIO (io_submit). A request that cannot be served at once waits in the driver
 * with its user pages pinned. Any code that moves bytes serves waiting requests under the link
 * lock, in the order of submission. A work item completes them, because unpinning dirty pages
 * sleeps. A vectored request is one list of page pieces, so it is one request here.
 *
 * io_uring does not use this code: it polls the node and tries again with IOCB_NOWAIT.
 */
#include <linux/aio.h>
#include <linux/bvec.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "vser.h"
#include "vser_compat.h"

/**
 * struct vser_request - a native AIO request
 * @entry: in reads, writes or done of @port; empty before it is queued
 * @iocb: its private field points back here; valid until ki_complete()
 * @port: kept alive by the file reference of @iocb
 * @iter: the bytes of @pieces that are left to move
 * @moved: bytes moved so far
 * @result: the result, valid on the done list
 * @is_write: direction
 * @finished: on the done list or beyond
 * @cancelled: cancel came before it was queued
 * @user: the user whose RLIMIT_MEMLOCK the pages count against; NULL with CAP_IPC_LOCK
 * @mm: the address space whose VmPin includes the pages
 * @pages: number of @pieces
 * @pieces: pinned user memory
 *
 * Fields after @port are under the link lock once the request is queued.
 */
struct vser_request {
	struct list_head entry;
	struct kiocb *iocb;
	struct vser_port *port;
	struct iov_iter iter;
	ssize_t moved;
	ssize_t result;
	bool is_write;
	bool finished;
	bool cancelled;
	struct user_struct *user;
	struct mm_struct *mm;
	unsigned int pages;
	struct bio_vec pieces[];
};

bool vser_aio_wanted(struct kiocb *iocb)
{
	return !is_sync_kiocb(iocb) && vser_iocb_is_native_aio(iocb) &&
	       !(iocb->ki_flags & IOCB_NOWAIT) && !(iocb->ki_filp->f_flags & O_NONBLOCK);
}

/* ---- Serving and finishing, under the link lock ---- */

static void vser_finish(struct vser_request *request, ssize_t result)
{
	struct vser_port *port = request->port;

	request->finished = true;
	request->result = request->moved ?: result;
	list_move_tail(&request->entry, &port->done);
	/*
	 * Each queued run of the work item owns a reference: a run may find that the one before
	 * it has completed everything, and with it dropped the last file.
	 */
	if (queue_work(vser_workqueue, &port->done_work))
		get_device(&port->dev);
}

/* Serves waiting requests of @port while there are bytes or room. Returns whether bytes moved. */
bool vser_aio_serve(struct vser_port *port)
{
	struct vser_request *request, *next;
	bool moved = false;

	list_for_each_entry_safe(request, next, &port->reads, entry) {
		if (!vser_readable(port))
			break;
		request->moved = vser_take(port, &request->iter);
		vser_finish(request, 0);
		moved = true;
	}
	list_for_each_entry_safe(request, next, &port->writes, entry) {
		/* Not in the middle of another write. */
		if (port->writing || !vser_room(port))
			break;
		request->moved += vser_put(port, &request->iter);
		moved = true;
		if (!iov_iter_count(&request->iter))
			vser_finish(request, 0);
	}
	return moved;
}

/* Ends the waiting requests of one descriptor, or of all descriptors if @file is NULL. */
static int vser_end_requests(struct vser_port *port, const struct file *file, int error)
{
	struct vser_request *request, *next;
	int count = 0;

	list_for_each_entry_safe(request, next, &port->reads, entry) {
		if (file && request->iocb->ki_filp != file)
			continue;
		vser_finish(request, error);
		count++;
	}
	list_for_each_entry_safe(request, next, &port->writes, entry) {
		if (file && request->iocb->ki_filp != file)
			continue;
		vser_finish(request, error);
		count++;
	}
	return count;
}

void vser_aio_abort(struct vser_port *port, int error)
{
	vser_end_requests(port, NULL, error);
}

int vser_aio_cancel_file(struct vser_port *port, const struct file *file)
{
	unsigned long flags = vser_lock(port);
	int count = vser_end_requests(port, file, -ECANCELED);

	vser_unlock(port, flags);
	return count;
}

/* Called with the AIO context lock held. Completing takes that lock, so the request stays valid. */
static int vser_aio_cancel(struct kiocb *iocb)
{
	struct vser_request *request = iocb->private;
	struct vser_port *port = request->port;
	unsigned long flags = vser_lock(port);
	int error = 0;

	if (request->finished)
		error = -EAGAIN;
	else if (list_empty(&request->entry))
		request->cancelled = true;
	else
		vser_finish(request, -ECANCELED);
	vser_unlock(port, flags);
	return error;
}

/* ---- Accounting of pinned pages ---- */

/*
 * Pinned pages count against the user's RLIMIT_MEMLOCK, together with the pages pinned by io_uring.
 * Their memory control group was charged when they were faulted in.
 */
static int vser_charge(struct vser_request *request, unsigned int pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;

	if (request->user &&
	    atomic_long_add_return(pages, &request->user->locked_vm) > limit) {
		atomic_long_sub(pages, &request->user->locked_vm);
		return -ENOMEM;
	}
	atomic64_add(pages, &request->mm->pinned_vm);
	return 0;
}

static void vser_uncharge(struct vser_request *request, unsigned int pages)
{
	if (request->user)
		atomic_long_sub(pages, &request->user->locked_vm);
	atomic64_sub(pages, &request->mm->pinned_vm);
}

static void vser_own(struct vser_request *request)
{
	request->user = capable(CAP_IPC_LOCK) ? NULL : get_uid(current_user());
	request->mm = current->mm;
	mmgrab(request->mm);
}

static void vser_disown(struct vser_request *request)
{
	free_uid(request->user);
	mmdrop(request->mm);
}

/* ---- Completing, in process context ---- */

static void vser_unpin(struct vser_request *request)
{
	unsigned int i;

	for (i = 0; i < request->pages; i++)
		unpin_user_pages_dirty_lock(&request->pieces[i].bv_page, 1,
					    !request->is_write && request->moved);
}

static void vser_forget(struct vser_port *port, unsigned int pages)
{
	unsigned long flags = vser_lock(port);

	port->requests--;
	port->pinned_pages -= pages;
	vser_unlock(port, flags);
}

static void vser_complete(struct vser_request *request)
{
	struct kiocb *iocb = request->iocb;

	vser_unpin(request);
	vser_uncharge(request, request->pages);
	vser_disown(request);
	vser_forget(request->port, request->pages);
	iocb->ki_complete(iocb, request->result);
	kfree(request);
}

void vser_aio_done(struct work_struct *work)
{
	struct vser_port *port = container_of(work, struct vser_port, done_work);
	struct vser_request *request, *next;
	unsigned long flags;
	LIST_HEAD(done);

	flags = vser_lock(port);
	list_splice_init(&port->done, &done);
	vser_unlock(port, flags);
	list_for_each_entry_safe(request, next, &done, entry)
		vser_complete(request);
	put_device(&port->dev);
}

/* ---- Submitting ---- */

/* The number of pages in the next @bytes of the iterator, counted per segment. */
static unsigned int vser_count_pages(struct iov_iter iter, size_t bytes)
{
	unsigned int pages = 0;

	while (bytes && iov_iter_count(&iter)) {
		size_t length = min(iov_iter_single_seg_count(&iter), bytes);

		if (length)
			pages += DIV_ROUND_UP(offset_in_page(vser_iter_address(&iter)) + length,
					      PAGE_SIZE);
		iov_iter_advance(&iter, length);
		bytes -= length;
	}
	return pages;
}

/*
 * Pins up to @bytes; a bad address ends the request before it. Returns the bytes pinned.
 * FOLL_LONGTERM, because the request waits until the other end sends or reads.
 */
static size_t vser_pin(struct vser_request *request, struct iov_iter *iter, size_t bytes,
		       unsigned int pages_max)
{
	unsigned int flags = FOLL_LONGTERM | (request->is_write ? 0 : FOLL_WRITE);
	size_t pinned = 0;

	while (pinned < bytes && request->pages < pages_max) {
		unsigned long address = vser_iter_address(iter);
		size_t length = min(iov_iter_single_seg_count(iter), bytes - pinned);
		unsigned int offset = offset_in_page(address);
		struct page *page;

		length = min_t(size_t, length, PAGE_SIZE - offset);
		if (length) {
			if (!access_ok((void __user *)address, length) ||
			    pin_user_pages_fast(address & PAGE_MASK, 1, flags, &page) != 1)
				break;
			request->pieces[request->pages].bv_page = page;
			request->pieces[request->pages].bv_offset = offset;
			request->pieces[request->pages].bv_len = length;
			request->pages++;
			pinned += length;
		}
		iov_iter_advance(iter, length);
	}
	return pinned;
}

/* Counts a request against the port's limits before it allocates memory. */
static int vser_reserve(struct vser_port *port, unsigned int pages)
{
	unsigned long flags = vser_lock(port);
	int error = 0;

	if (port->dead)
		error = -ENODEV;
	else if (port->requests >= VSER_REQUESTS_MAX ||
		 port->pinned_pages + pages > VSER_PINNED_PAGES_MAX)
		error = -EAGAIN;
	if (!error) {
		port->requests++;
		port->pinned_pages += pages;
	}
	vser_unlock(port, flags);
	return error;
}

/* @reserved: the pages counted by vser_reserve(); fewer may have been pinned. */
static void vser_enqueue(struct vser_request *request, unsigned int reserved)
{
	struct vser_port *port = request->port;
	unsigned long flags;

	vser_uncharge(request, reserved - request->pages);
	flags = vser_lock(port);
	port->pinned_pages -= reserved - request->pages;
	if (!request->is_write) {
		list_add_tail(&request->entry, &port->reads);
	} else if (!request->moved) {
		list_add_tail(&request->entry, &port->writes);
	} else {
		/* The rest of the write in progress precedes requests that have not begun. */
		list_add(&request->entry, &port->writes);
		port->writing = false;
	}
	if (port->dead)
		vser_finish(request, -ENODEV);
	else if (request->cancelled)
		vser_finish(request, -ECANCELED);
	vser_unlock(port, flags);
}

static struct vser_request *vser_make_request(struct vser_port *port, struct kiocb *iocb,
					      bool is_write, unsigned int pages)
{
	struct vser_request *request;

	request = kzalloc(struct_size(request, pieces, pages), GFP_KERNEL_ACCOUNT);
	if (!request)
		return NULL;
	INIT_LIST_HEAD(&request->entry);
	request->iocb = iocb;
	request->port = port;
	request->is_write = is_write;
	vser_own(request);
	return request;
}

/* Pins the memory for which @pages were counted. Returns the number of bytes, or an error. */
static ssize_t vser_charge_and_pin(struct vser_request *request, struct iov_iter *iter,
				   size_t bytes, unsigned int pages)
{
	int error = vser_charge(request, pages);

	if (error)
		return error;
	bytes = vser_pin(request, iter, bytes, pages);
	if (bytes)
		return bytes;
	vser_uncharge(request, pages);
	return -EFAULT;
}

/*
 * Queues the rest of a request after @moved bytes were served at once. More than the size of a
 * ring is cut to a short count, which bounds the pages that one request can pin.
 */
ssize_t vser_aio_submit(struct vser_port *port, struct kiocb *iocb, struct iov_iter *iter,
			bool is_write, ssize_t moved)
{
	size_t bytes = min_t(size_t, iov_iter_count(iter), port->ring.size);
	unsigned int pages = vser_count_pages(*iter, bytes);
	struct vser_request *request;
	ssize_t pinned;

	pinned = vser_reserve(port, pages);
	if (pinned)
		return moved ?: pinned;
	request = vser_make_request(port, iocb, is_write, pages);
	if (!request) {
		vser_forget(port, pages);
		return moved ?: -ENOMEM;
	}
	pinned = vser_charge_and_pin(request, iter, bytes, pages);
	if (pinned < 0) {
		vser_forget(port, pages);
		vser_disown(request);
		kfree(request);
		return moved ?: pinned;
	}
	request->moved = moved;
	iov_iter_bvec(&request->iter, is_write ? ITER_SOURCE : ITER_DEST, request->pieces,
		      request->pages, pinned);
	iocb->private = request;
	/* The request can be cancelled from here on; before, it could not be found. */
	kiocb_set_cancel_fn(iocb, vser_aio_cancel);
	vser_enqueue(request, pages);
	return -EIOCBQUEUED;
}
