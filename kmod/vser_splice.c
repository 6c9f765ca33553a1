// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: splice from a port into a pipe. Before 6.5, the kernel's generic function reads into the
 * pipe directly, which may sleep under the link lock.
 */
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>

#include "vser.h"

#define VSER_SPLICE_PAGES_MAX 16u

static void vser_splice_release(struct splice_pipe_desc *spd, unsigned int page)
{
	__free_page(spd->pages[page]);
}

/* Reads into the pages of @spd, like read(), and shortens them to the bytes that were read. */
static ssize_t vser_splice_fill(struct kiocb *iocb, struct splice_pipe_desc *spd, size_t size)
{
	struct bio_vec pieces[VSER_SPLICE_PAGES_MAX];
	struct iov_iter iter;
	ssize_t result;
	int i;

	for (i = 0; i < spd->nr_pages; i++)
		pieces[i] = (struct bio_vec){ .bv_page = spd->pages[i], .bv_len = PAGE_SIZE };
	iov_iter_bvec(&iter, ITER_DEST, pieces, spd->nr_pages, size);
	result = vser_read_iter(iocb, &iter);
	for (i = 0; i < spd->nr_pages; i++) {
		ssize_t left = result - i * (ssize_t)PAGE_SIZE;

		spd->partial[i] = (struct partial_page){ .len = clamp_t(ssize_t, left, 0,
									PAGE_SIZE) };
	}
	while (spd->nr_pages && !spd->partial[spd->nr_pages - 1].len)
		__free_page(spd->pages[--spd->nr_pages]);
	return result;
}

/* The caller holds the pipe's lock and has waited for room in it. */
ssize_t vser_splice_read(struct file *filp, loff_t *position, struct pipe_inode_info *pipe,
			 size_t size, unsigned int flags)
{
	unsigned int used = min(pipe_occupancy(pipe->head, pipe->tail), pipe->max_usage);
	struct partial_page partial[VSER_SPLICE_PAGES_MAX];
	struct page *pages[VSER_SPLICE_PAGES_MAX];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = VSER_SPLICE_PAGES_MAX,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = vser_splice_release,
	};
	struct kiocb iocb;
	ssize_t result;

	size = min_t(size_t, size,
		     min(pipe->max_usage - used, VSER_SPLICE_PAGES_MAX) * PAGE_SIZE);
	if (!size)
		return -EAGAIN;
	while (spd.nr_pages * PAGE_SIZE < size) {
		pages[spd.nr_pages] = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!pages[spd.nr_pages])
			break;
		spd.nr_pages++;
	}
	if (!spd.nr_pages)
		return -ENOMEM;
	init_sync_kiocb(&iocb, filp);
	if (flags & SPLICE_F_NONBLOCK)
		iocb.ki_flags |= IOCB_NOWAIT;
	result = vser_splice_fill(&iocb, &spd, min_t(size_t, size, spd.nr_pages * PAGE_SIZE));
	return result > 0 ? splice_to_pipe(pipe, &spd) : result;
}
