// SPDX-License-Identifier: GPL-2.0-only
/* vser: the modem lines, all under the link lock. */
#include <linux/bits.h>

#include "vser.h"

static u32 vser_levels(const struct vser_port *port)
{
	const struct vser_port *peer = vser_peer(port);
	u32 levels = port->outputs;

	if (port->ring_line)
		levels |= VS_SIGNAL_RI;
	if (port->break_until)
		levels |= VS_SIGNAL_BREAK;
	if (!peer || vser_link_down(port))
		return levels;
	if (peer->outputs & VS_SIGNAL_DTR)
		levels |= VS_SIGNAL_DSR | VS_SIGNAL_DCD;
	if (peer->outputs & VS_SIGNAL_RTS)
		levels |= VS_SIGNAL_CTS;
	return levels;
}

/* Modem lines of @port have changed, perhaps only for a moment. */
void vser_signals_pulsed(struct vser_port *port, u32 changed)
{
	unsigned int line;

	if (!changed)
		return;
	if (!++port->sequence)
		port->sequence = 1;
	for (line = 0; line < VSER_MODEM_LINES; line++)
		if (changed & BIT(line))
			port->changed_at[line] = port->sequence;
		else if (port->sequence - port->changed_at[line] > S32_MAX)
			/* Keeps idle lines correct when the sequence number wraps around. */
			port->changed_at[line] = port->sequence - S32_MAX;
	vser_note(port, EPOLLPRI);
}

static void vser_publish_levels(struct vser_port *port)
{
	u32 levels = vser_levels(port);
	u32 changed = levels ^ port->signals;

	port->signals = levels;
	vser_signals_pulsed(port, changed);
}

/* Updates the modem lines at both ends of @port's cable after a change. */
void vser_signals_changed(struct vser_port *port)
{
	struct vser_port *peer = vser_peer(port);

	vser_publish_levels(port);
	if (peer && peer != port)
		vser_publish_levels(peer);
}
