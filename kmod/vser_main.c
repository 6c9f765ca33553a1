// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: virtual serial ports. Module parameters, and creating and removing ports.
 *
 * Each port is a platform device "vser.N", so that it can be unplugged and plugged in again
 * while it is in use: /sys/bus/platform/drivers/vser/{unbind,bind}.
 */
#define pr_fmt(fmt) "vser: " fmt

#include <linux/err.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "vser.h"
#include "vser_compat.h"

static unsigned int ports = 4;
module_param(ports, uint, 0444);
MODULE_PARM_DESC(ports, "Number of ports, 1 to 256 (default 4)");

static unsigned int fifo_bytes = 4096;
module_param(fifo_bytes, uint, 0444);
MODULE_PARM_DESC(fifo_bytes, "Ring of each port, a power of two from 16 to 65536 (default 4096)");

static char *topology = "loopback";
module_param(topology, charp, 0444);
MODULE_PARM_DESC(topology, "loopback: a port hears itself; pair: 2k and 2k+1 hear each other");

bool vser_pacing = true;
module_param_named(pacing, vser_pacing, bool, 0444);
MODULE_PARM_DESC(pacing, "Bytes take the time that baud and format imply (default on)");

struct workqueue_struct *vser_workqueue;

static struct vser_link *vser_links;
static struct platform_device **vser_devices;
static struct class *vser_class;
static dev_t vser_devt;
static int vser_probe_error;

/* ---- One port ---- */

static void vser_port_free(struct device *dev)
{
	struct vser_port *port = container_of(dev, struct vser_port, dev);

	kvfree(port->ring.bytes);
	kfree(port);
}

static void vser_port_init(struct vser_port *port, struct device *parent, unsigned int index)
{
	bool crossed = vser_links[0].crossed;

	port->index = index;
	port->link = &vser_links[crossed ? index / 2 : index];
	port->end = crossed ? index % 2 : 0;
	init_waitqueue_head(&port->wait);
	mutex_init(&port->write_lock);
	hrtimer_init(&port->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	port->timer.function = vser_timer;
	INIT_WORK(&port->done_work, vser_aio_done);
	INIT_LIST_HEAD(&port->reads);
	INIT_LIST_HEAD(&port->writes);
	INIT_LIST_HEAD(&port->done);
	port->random = get_random_u32() | 1;
	port->line.baud = 115200;
	port->line.format.data_bits = 8;
	port->sequence = 1;

	device_initialize(&port->dev);
	port->dev.parent = parent;
	port->dev.class = vser_class;
	port->dev.devt = MKDEV(MAJOR(vser_devt), index);
	port->dev.groups = vser_groups;
	port->dev.release = vser_port_free;
	cdev_init(&port->cdev, &vser_fops);
	port->cdev.owner = THIS_MODULE;
}

static struct vser_port *vser_port_create(struct device *parent, unsigned int index)
{
	struct vser_port *port;
	int error;

	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return ERR_PTR(-ENOMEM);
	/* From here on the reference count owns the port. */
	vser_port_init(port, parent, index);
	port->ring.size = fifo_bytes;
	port->ring.bytes = kvzalloc(fifo_bytes, GFP_KERNEL);
	error = port->ring.bytes ? dev_set_name(&port->dev, "vser%u", index) : -ENOMEM;
	if (error) {
		put_device(&port->dev);
		return ERR_PTR(error);
	}
	return port;
}

/*
 * Any platform device can be bound to this driver (driver_override), so this end of the cable may
 * be in use by another port, which must not be affected.
 */
static int vser_port_join(struct vser_port *port)
{
	struct vser_port *peer;
	unsigned long flags;
	int error = 0;

	flags = vser_lock(port);
	if (port->link->ends[port->end]) {
		error = -EBUSY;
	} else {
		peer = vser_peer(port);
		if (peer)
			vser_gain_listener(peer);
		port->link->ends[port->end] = port;
		vser_signals_changed(port);
	}
	vser_unlock(port, flags);
	return error;
}

/* Removes @port from its cable and wakes the users of both ends. */
static void vser_port_hang_up(struct vser_port *port)
{
	struct vser_port *peer;
	unsigned long flags;

	flags = vser_lock(port);
	vser_advance_cable(port);
	WRITE_ONCE(port->dead, true);
	port->link->ends[port->end] = NULL;
	vser_aio_abort(port, -ENODEV);
	port->wake_events |= EPOLLHUP | EPOLLERR | EPOLLIN | EPOLLOUT | EPOLLPRI;
	peer = vser_peer(port);
	if (peer) {
		vser_signals_changed(peer);
		/* Writers have room again, because no unread bytes are left. */
		vser_lose_listener(peer, port);
		vser_note_sent(peer, 0);
	}
	vser_unlock(port, flags);
}

/* Without a node there are no new opens; an open in progress finds the port dead. */
static void vser_port_retire(struct vser_port *port)
{
	vser_port_hang_up(port);
	hrtimer_cancel(&port->timer);
	flush_work(&port->done_work);
	/*
	 * The other end may still be telling our waiters: see vser_unlock(). Expedited, or
	 * unloading hundreds of ports would take as many grace periods.
	 */
	synchronize_rcu_expedited();
	put_device(&port->dev);
}

/* The port joins its cable before it has a node, so that it cannot be opened before. */
static int vser_port_add(struct vser_port *port)
{
	int error = vser_port_join(port);

	if (error) {
		put_device(&port->dev);
		return error;
	}
	error = cdev_device_add(&port->cdev, &port->dev);
	if (error)
		vser_port_retire(port);
	return error;
}

static int vser_probe(struct platform_device *pdev)
{
	struct vser_port *port;
	int error;

	if (pdev->id < 0 || pdev->id >= ports)
		return -ENODEV;
	port = vser_port_create(&pdev->dev, pdev->id);
	error = PTR_ERR_OR_ZERO(port);
	if (!error)
		error = vser_port_add(port);
	if (!error)
		platform_set_drvdata(pdev, port);
	vser_probe_error = error;
	return error;
}

static vser_remove_result vser_remove(struct platform_device *pdev)
{
	struct vser_port *port = platform_get_drvdata(pdev);

	cdev_device_del(&port->cdev, &port->dev);
	vser_port_retire(port);
	return VSER_REMOVED;
}

static struct platform_driver vser_driver = {
	.probe = vser_probe,
	.remove = vser_remove,
	.driver = {
		.name = "vser",
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/* ---- The module ---- */

static int vser_check_parameters(bool *crossed)
{
	*crossed = sysfs_streq(topology, "pair");
	if (!*crossed && !sysfs_streq(topology, "loopback")) {
		pr_err("topology=%s: must be loopback or pair\n", topology);
		return -EINVAL;
	}
	if (!ports || ports > VSER_PORTS_MAX || (*crossed && ports % 2)) {
		pr_err("ports=%u: must be 1 to %u, and even with topology=pair\n", ports,
		       VSER_PORTS_MAX);
		return -EINVAL;
	}
	if (!is_power_of_2(fifo_bytes) || fifo_bytes < VSER_FIFO_BYTES_MIN ||
	    fifo_bytes > VSER_FIFO_BYTES_MAX) {
		pr_err("fifo_bytes=%u: must be a power of two from %u to %u\n", fifo_bytes,
		       VSER_FIFO_BYTES_MIN, VSER_FIFO_BYTES_MAX);
		return -EINVAL;
	}
	return 0;
}

static void vser_remove_devices(void)
{
	unsigned int i;

	for (i = 0; i < ports; i++)
		platform_device_unregister(vser_devices[i]);
}

static int vser_add_device(unsigned int index)
{
	struct platform_device *device;

	device = platform_device_register_simple("vser", index, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	vser_devices[index] = device;
	/* The driver core does not report a failed probe. */
	return platform_get_drvdata(device) ? 0 : vser_probe_error ?: -ENODEV;
}

static int vser_add_devices(void)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < ports && !error; i++)
		error = vser_add_device(i);
	if (error)
		vser_remove_devices();
	return error;
}

static int vser_make_links(bool crossed)
{
	unsigned int count = crossed ? ports / 2 : ports, i;

	vser_links = kcalloc(count, sizeof(*vser_links), GFP_KERNEL);
	if (!vser_links)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		spin_lock_init(&vser_links[i].lock);
		vser_links[i].crossed = crossed;
	}
	return 0;
}

static int vser_register(void)
{
	int error;

	error = alloc_chrdev_region(&vser_devt, 0, ports, "vser");
	if (error)
		return error;
	vser_class = vser_class_create("vser");
	if (IS_ERR(vser_class)) {
		error = PTR_ERR(vser_class);
		goto unregister_region;
	}
	error = platform_driver_register(&vser_driver);
	if (error)
		goto destroy_class;
	error = vser_add_devices();
	if (error)
		goto unregister_driver;
	return 0;

unregister_driver:
	platform_driver_unregister(&vser_driver);
destroy_class:
	class_destroy(vser_class);
unregister_region:
	unregister_chrdev_region(vser_devt, ports);
	return error;
}

static int __init vser_init(void)
{
	bool crossed;
	int error;

	error = vser_check_parameters(&crossed);
	if (error)
		return error;
	error = vser_make_links(crossed);
	if (error)
		return error;
	vser_devices = kcalloc(ports, sizeof(*vser_devices), GFP_KERNEL);
	if (!vser_devices) {
		error = -ENOMEM;
		goto free_links;
	}
	vser_workqueue = alloc_workqueue("vser", WQ_UNBOUND, 0);
	if (!vser_workqueue) {
		error = -ENOMEM;
		goto free_devices;
	}
	error = vser_register();
	if (error)
		goto destroy_workqueue;
	return 0;

destroy_workqueue:
	destroy_workqueue(vser_workqueue);
free_devices:
	kfree(vser_devices);
free_links:
	kfree(vser_links);
	return error;
}

/* Open descriptors hold the module, so no port is in use now. */
static void __exit vser_exit(void)
{
	vser_remove_devices();
	platform_driver_unregister(&vser_driver);
	class_destroy(vser_class);
	unregister_chrdev_region(vser_devt, ports);
	destroy_workqueue(vser_workqueue);
	kfree(vser_devices);
	kfree(vser_links);
}

module_init(vser_init);
module_exit(vser_exit);

MODULE_DESCRIPTION("Virtual serial character devices");
MODULE_LICENSE("GPL");
