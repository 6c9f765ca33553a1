/* SPDX-License-Identifier: GPL-2.0-only */
/* vser: differences between the kernels it builds on (6.1 to 6.12, as in dkms.conf). */
#ifndef VSER_COMPAT_H
#define VSER_COMPAT_H

#include <linux/device/class.h>
#include <linux/fs.h>
#include <linux/platform_device.h>
#include <linux/uio.h>
#include <linux/version.h>

/* Commands have their own header since 6.8. sparse does not support __has_include. */
#ifdef __CHECKER__
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define VSER_HAVE_CMD_HEADER
#endif
#else
#if __has_include(<linux/io_uring/cmd.h>)
#define VSER_HAVE_CMD_HEADER
#endif
#endif

#ifdef VSER_HAVE_CMD_HEADER
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* A command has its whole submission since 6.5; before, only the payload. */
static inline const void *vser_uring_payload(const struct io_uring_cmd *command)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return io_uring_sqe_cmd(command->sqe);
#else
	return command->cmd;
#endif
}

static inline struct class *vser_class_create(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

/* A platform driver's remove function returned an int before 6.11. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define vser_remove_result void
#define VSER_REMOVED
#else
#define vser_remove_result int
#define VSER_REMOVED 0
#endif

/* The user address of the current segment of a user-backed iterator. */
static inline unsigned long vser_iter_address(const struct iov_iter *iter)
{
	if (iter_is_ubuf(iter))
		return (unsigned long)iter->ubuf + iter->iov_offset;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return (unsigned long)iter_iov_addr(iter);
#else
	return (unsigned long)iter->iov->iov_base + iter->iov_offset;
#endif
}

/*
 * Only native AIO requests may be passed to kiocb_set_cancel_fn(), not io_uring's. On kernels
 * without the flag that distinguishes them, requests are not queued but block in io_submit().
 */
static inline bool vser_iocb_is_native_aio(const struct kiocb *iocb)
{
#ifdef IOCB_AIO_RW
	return iocb->ki_flags & IOCB_AIO_RW;
#else
	return false;
#endif
}

#endif /* VSER_COMPAT_H */
