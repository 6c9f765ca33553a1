// SPDX-License-Identifier: GPL-2.0-only
/*
 * vser: sysfs, one value per file, under /sys/class/vser/vserN. README.md lists the files.
 */
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "vser.h"

#define VSER_PPM_MAX 1000000u
#define VSER_INJECT_BREAKS_MAX 1000u

static struct vser_port *vser_of(struct device *dev)
{
	return container_of(dev, struct vser_port, dev);
}

/* ---- Settings, read only: programs change them through the node ---- */

static ssize_t baud_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	return sysfs_emit(buffer, "%u\n", vser_get_line(vser_of(dev)).baud);
}
static DEVICE_ATTR_RO(baud);

static ssize_t format_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	static const char * const stop_bits[] = { "1", "1.5", "2" };
	struct vs_ffmt format = vser_get_line(vser_of(dev)).format;

	return sysfs_emit(buffer, "%u%c%s\n", format.data_bits, "NOEMS"[format.parity],
			  stop_bits[format.stop_bits]);
}
static DEVICE_ATTR_RO(format);

static ssize_t signals_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	struct vser_port *port = vser_of(dev);
	unsigned long flags = vser_lock(port);
	u32 signals = port->signals;

	vser_unlock(port, flags);
	return sysfs_emit(buffer, "0x%02x\n", signals);
}
static DEVICE_ATTR_RO(signals);

static struct attribute *vser_settings_attrs[] = {
	&dev_attr_baud.attr,
	&dev_attr_format.attr,
	&dev_attr_signals.attr,
	NULL
};

static const struct attribute_group vser_settings_group = {
	.attrs = vser_settings_attrs,
};

/* ---- Statistics: a table of counters and one function ---- */

struct vser_stat_attribute {
	struct device_attribute attribute;
	size_t offset;
};

static ssize_t vser_stat_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	const struct vser_stat_attribute *stat =
		container_of(attr, struct vser_stat_attribute, attribute);
	struct vs_stats stats = vser_get_stats(vser_of(dev));

	return sysfs_emit(buffer, "%llu\n", *(u64 *)((char *)&stats + stat->offset));
}

#define VSER_STAT(_name)                                                \
	static struct vser_stat_attribute vser_stat_##_name = {         \
		.attribute = __ATTR(_name, 0444, vser_stat_show, NULL), \
		.offset = offsetof(struct vs_stats, _name),             \
	}

VSER_STAT(rx_bytes);
VSER_STAT(tx_bytes);
VSER_STAT(frame_errors);
VSER_STAT(parity_errors);
VSER_STAT(overrun_errors);
VSER_STAT(break_errors);
VSER_STAT(dropped_bytes);

static struct attribute *vser_stats_attrs[] = {
	&vser_stat_rx_bytes.attribute.attr,
	&vser_stat_tx_bytes.attribute.attr,
	&vser_stat_frame_errors.attribute.attr,
	&vser_stat_parity_errors.attribute.attr,
	&vser_stat_overrun_errors.attribute.attr,
	&vser_stat_break_errors.attribute.attr,
	&vser_stat_dropped_bytes.attribute.attr,
	NULL
};

static const struct attribute_group vser_stats_group = {
	.name = "stats",
	.attrs = vser_stats_attrs,
};

/* ---- Faults: numbers with a maximum ---- */

struct vser_fault_attribute {
	struct device_attribute attribute;
	size_t offset;
	u32 maximum;
};

static u32 *vser_fault_field(struct vser_port *port, struct device_attribute *attr)
{
	const struct vser_fault_attribute *fault =
		container_of(attr, struct vser_fault_attribute, attribute);

	return (u32 *)((char *)&port->faults + fault->offset);
}

static ssize_t vser_fault_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	struct vser_port *port = vser_of(dev);
	unsigned long flags = vser_lock(port);
	u32 value = *vser_fault_field(port, attr);

	vser_unlock(port, flags);
	return sysfs_emit(buffer, "%u\n", value);
}

static ssize_t vser_fault_store(struct device *dev, struct device_attribute *attr,
				const char *buffer, size_t count)
{
	const struct vser_fault_attribute *fault =
		container_of(attr, struct vser_fault_attribute, attribute);
	struct vser_port *port = vser_of(dev);
	unsigned long flags;
	u32 value;
	int error = kstrtou32(buffer, 0, &value);

	if (error)
		return error;
	if (value > fault->maximum)
		return -EINVAL;
	flags = vser_lock(port);
	vser_advance(port);
	*vser_fault_field(port, attr) = value;
	vser_unlock(port, flags);
	return count;
}

#define VSER_FAULT(_name, _field, _maximum)                                              \
	static struct vser_fault_attribute vser_fault_##_field = {                       \
		.attribute = __ATTR(_name, 0644, vser_fault_show, vser_fault_store),     \
		.offset = offsetof(struct vser_faults, _field),                          \
		.maximum = (_maximum),                                                   \
	}

VSER_FAULT(inject_parity, parity, U32_MAX);
VSER_FAULT(inject_frame, frame, U32_MAX);
VSER_FAULT(inject_overrun, overrun, U32_MAX);
VSER_FAULT(bit_flip_ppm, bit_flip_ppm, VSER_PPM_MAX);
VSER_FAULT(drop_ppm, drop_ppm, VSER_PPM_MAX);

static ssize_t inject_break_store(struct device *dev, struct device_attribute *attr,
				  const char *buffer, size_t count)
{
	struct vser_port *port = vser_of(dev);
	unsigned long flags;
	u32 breaks;
	int error = kstrtou32(buffer, 0, &breaks);

	if (error)
		return error;
	if (breaks > VSER_INJECT_BREAKS_MAX)
		return -EINVAL;
	flags = vser_lock(port);
	vser_receive_breaks(port, breaks, VS_BREAK_MS_DEFAULT);
	vser_unlock(port, flags);
	return count;
}
static DEVICE_ATTR_WO(inject_break);

/* Only sysfs can set these: a cut cable, and the RI line. */
static ssize_t vser_show_bool(struct vser_port *port, const bool *field, char *buffer)
{
	unsigned long flags = vser_lock(port);
	bool value = *field;

	vser_unlock(port, flags);
	return sysfs_emit(buffer, "%d\n", value);
}

static ssize_t vser_store_bool(struct vser_port *port, bool *field, const char *buffer,
			       size_t count)
{
	unsigned long flags;
	bool value;
	int error = kstrtobool(buffer, &value);

	if (error)
		return error;
	flags = vser_lock(port);
	vser_advance_cable(port);
	*field = value;
	vser_signals_changed(port);
	vser_unlock(port, flags);
	return count;
}

static ssize_t link_down_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	return vser_show_bool(vser_of(dev), &vser_of(dev)->faults.link_down, buffer);
}

static ssize_t link_down_store(struct device *dev, struct device_attribute *attr,
			       const char *buffer, size_t count)
{
	return vser_store_bool(vser_of(dev), &vser_of(dev)->faults.link_down, buffer, count);
}
static DEVICE_ATTR_RW(link_down);

static ssize_t ring_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	return vser_show_bool(vser_of(dev), &vser_of(dev)->ring_line, buffer);
}

static ssize_t ring_store(struct device *dev, struct device_attribute *attr, const char *buffer,
			  size_t count)
{
	return vser_store_bool(vser_of(dev), &vser_of(dev)->ring_line, buffer, count);
}
static DEVICE_ATTR_RW(ring);

static struct attribute *vser_faults_attrs[] = {
	&vser_fault_parity.attribute.attr,
	&vser_fault_frame.attribute.attr,
	&vser_fault_overrun.attribute.attr,
	&vser_fault_bit_flip_ppm.attribute.attr,
	&vser_fault_drop_ppm.attribute.attr,
	&dev_attr_inject_break.attr,
	&dev_attr_link_down.attr,
	&dev_attr_ring.attr,
	NULL
};

static const struct attribute_group vser_faults_group = {
	.name = "faults",
	.attrs = vser_faults_attrs,
};

const struct attribute_group *vser_groups[] = {
	&vser_settings_group,
	&vser_stats_group,
	&vser_faults_group,
	NULL
};
