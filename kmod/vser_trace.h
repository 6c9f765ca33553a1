/* SPDX-License-Identifier: GPL-2.0-only */
/* vser: tracepoints, under events/vser in tracefs. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vser

#if !defined(VSER_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VSER_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

DECLARE_EVENT_CLASS(vser_transfer,
	TP_PROTO(unsigned int port, size_t requested, ssize_t result),
	TP_ARGS(port, requested, result),
	TP_STRUCT__entry(
		__field(unsigned int, port)
		__field(size_t, requested)
		__field(ssize_t, result)
	),
	TP_fast_assign(
		__entry->port = port;
		__entry->requested = requested;
		__entry->result = result;
	),
	TP_printk("vser%u requested=%zu result=%zd", __entry->port, __entry->requested,
		  __entry->result)
);

DEFINE_EVENT(vser_transfer, vser_read,
	TP_PROTO(unsigned int port, size_t requested, ssize_t result),
	TP_ARGS(port, requested, result)
);

DEFINE_EVENT(vser_transfer, vser_write,
	TP_PROTO(unsigned int port, size_t requested, ssize_t result),
	TP_ARGS(port, requested, result)
);

TRACE_EVENT(vser_wake,
	TP_PROTO(unsigned int port, unsigned int events),
	TP_ARGS(port, events),
	TP_STRUCT__entry(
		__field(unsigned int, port)
		__field(unsigned int, events)
	),
	TP_fast_assign(
		__entry->port = port;
		__entry->events = events;
	),
	TP_printk("vser%u events=0x%x", __entry->port, __entry->events)
);

TRACE_EVENT(vser_ioctl,
	TP_PROTO(unsigned int port, unsigned int request, long result),
	TP_ARGS(port, request, result),
	TP_STRUCT__entry(
		__field(unsigned int, port)
		__field(unsigned int, request)
		__field(long, result)
	),
	TP_fast_assign(
		__entry->port = port;
		__entry->request = request;
		__entry->result = result;
	),
	TP_printk("vser%u request=0x%x result=%ld", __entry->port, __entry->request,
		  __entry->result)
);

#endif /* VSER_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vser_trace
#include <trace/define_trace.h>
