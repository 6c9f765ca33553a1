// SPDX-License-Identifier: GPL-2.0-only
/* vser: the file operations of /dev/vserN. */
#include <linux/compat.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/splice.h>

#include "vser.h"

static int vser_open(struct inode *inode, struct file *filp)
{
	struct vser_port *port = container_of(inode->i_cdev, struct vser_port, cdev);
	struct vser_file *file;
	unsigned long flags;
	int error = 0;

	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return -ENOMEM;
	file->port = port;
	flags = vser_lock(port);
	if (port->dead) {
		error = -ENODEV;
	} else {
		if (!port->opens++) {
			port->outputs |= VS_SIGNALS_OUT;
			vser_signals_changed(port);
		}
		file->seen_sequence = port->sequence;
	}
	vser_unlock(port, flags);
	if (error) {
		kfree(file);
		return error;
	}
	filp->private_data = file;
	/* Reads and writes never sleep under IOCB_NOWAIT, so io_uring may try them inline. */
	filp->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, filp);
}

static int vser_fasync(int fd, struct file *filp, int on)
{
	struct vser_file *file = filp->private_data;

	return fasync_helper(fd, filp, on, &file->port->fasync);
}

static int vser_release(struct inode *inode, struct file *filp)
{
	struct vser_file *file = filp->private_data;
	struct vser_port *port = file->port;
	unsigned long flags;

	/* Pending AIO requests hold the file, so none are left. */
	flags = vser_lock(port);
	if (!--port->opens) {
		port->outputs &= ~VS_SIGNALS_OUT;
		if (!port->dead)
			vser_signals_changed(port);
	}
	vser_unlock(port, flags);
	kfree(file);
	return 0;
}

static __poll_t vser_poll(struct file *filp, poll_table *table)
{
	struct vser_file *file = filp->private_data;

	poll_wait(filp, &file->port->wait, table);
	return vser_events(file);
}

const struct file_operations vser_fops = {
	.owner = THIS_MODULE,
	.open = vser_open,
	.release = vser_release,
	.read_iter = vser_read_iter,
	.write_iter = vser_write_iter,
	.splice_read = vser_splice_read,
	.splice_write = iter_file_splice_write,
	.poll = vser_poll,
	.fasync = vser_fasync,
	.unlocked_ioctl = vser_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = vser_uring_cmd,
};
