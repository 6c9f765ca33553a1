"""Converts protobuf messages to the values of this library and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from vser import items, types
from vser.v1 import admin_service_pb2 as admin_pb2
from vser.v1 import console_service_pb2 as console_pb2
from vser.v1 import lease_service_pb2 as lease_pb2
from vser.v1 import port_service_pb2 as port_pb2
from vser.v1 import session_service_pb2 as session_pb2
from vser.v1 import types_pb2

_NS = 1_000_000_000
_STOP_BITS = ("STOP_BITS_UNSPECIFIED", "STOP_BITS_1", "STOP_BITS_1_5", "STOP_BITS_2")


def time_ns(time: Timestamp) -> int:
    return time.seconds * _NS + time.nanos


def seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / _NS


def duration_of(value: float) -> Duration:
    whole, rest = divmod(round(value * _NS), _NS)
    return Duration(seconds=whole, nanos=rest)


def _time_of(when: datetime) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(when)
    return time


def _age_of(age: timedelta) -> Duration:
    if age < timedelta():
        raise ValueError(f"{age!r} is not an age: it is negative")
    return duration_of(age.total_seconds())


def start_point(start: types.StartPoint) -> types_pb2.StartPoint:
    if isinstance(start, types.Tail):
        return types_pb2.StartPoint(tail_bytes=start.size)
    if isinstance(start, datetime):
        return types_pb2.StartPoint(since=_time_of(start))
    if isinstance(start, timedelta):
        return types_pb2.StartPoint(age=_age_of(start))
    if start == "oldest":
        return types_pb2.StartPoint(oldest=True)
    if start == "live":
        return types_pb2.StartPoint(live=True)
    if isinstance(start, int):
        return types_pb2.StartPoint(offset=start)
    raise ValueError(f"{start!r} is not a start: give 'live', 'oldest', an offset, vser.Tail(bytes), a datetime or a timedelta")


def end_point(end: types.EndPoint) -> types_pb2.EndPoint:
    if isinstance(end, datetime):
        return types_pb2.EndPoint(time=_time_of(end))
    if isinstance(end, timedelta):
        return types_pb2.EndPoint(age=_age_of(end))
    if isinstance(end, int):
        return types_pb2.EndPoint(offset=end)
    raise ValueError(f"{end!r} is not an end: give an offset, a datetime or a timedelta")


def found_of(message: console_pb2.WaitForResponse) -> types.Found:
    return types.Found(
        pattern=message.pattern,
        offset=message.offset,
        next_offset=message.next_offset,
        text=message.text,
        groups=tuple(message.groups),
        line=message.line,
        receive_time_ns=time_ns(message.receive_time),
        bytes_lost=message.bytes_lost,
        log_id=message.log_id,
    )


def format_to(value: types.Format) -> types_pb2.Format:
    return types_pb2.Format(
        data_bits=value.data_bits,
        parity=f"PARITY_{value.parity.name}",
        stop_bits=_STOP_BITS[value.stop_bits],
        flow_control=f"FLOW_CONTROL_{value.flow_control.name}",
    )


def format_of(message: types_pb2.Format) -> types.Format:
    return types.Format(
        data_bits=message.data_bits,
        parity=types.Parity(message.parity),
        stop_bits=types.StopBits(message.stop_bits),
        flow_control=types.FlowControl(message.flow_control),
    )


def signals_of(message: types_pb2.Signals) -> types.Signals:
    return types.Signals(message.dtr, message.rts, message.cts, message.dsr, message.dcd, message.ri)


def set_outputs(request: port_pb2.SetSignalsRequest | console_pb2.SignalChange, dtr: bool | None, rts: bool | None) -> None:
    """None keeps an output."""
    if dtr is not None:
        request.dtr = dtr
    if rts is not None:
        request.rts = rts


def _line_errors_of(message: types_pb2.LineError) -> types.LineErrors:
    return types.LineErrors(message.frame, message.parity, message.overrun, message.breaks)


def _capabilities_of(message: types_pb2.Capabilities) -> types.Capabilities:
    return types.Capabilities(
        baud=message.baud,
        format=message.format,
        flow_control=message.flow_control,
        modem_signals=message.modem_signals,
        send_break=message.send_break,
        flush=message.flush,
        error_counters=message.error_counters,
    )


def _stats_of(message: types_pb2.PortStats) -> types.PortStats:
    return types.PortStats(
        rx_bytes=message.rx_bytes,
        tx_bytes=message.tx_bytes,
        gap_bytes=message.gap_bytes,
        reopens=message.reopens,
        io_errors=message.io_errors,
        line_errors=_line_errors_of(message.line_errors),
        tx_queue_bytes=message.tx_queue_bytes,
    )


def port_of(message: types_pb2.Port) -> types.Port:
    return types.Port(
        name=message.name,
        description=message.description,
        device=message.device,
        kind=types.Kind(message.kind),
        state=types.State(message.state),
        offline_reason=message.offline_reason,
        baud=message.baud,
        format=format_of(message.format),
        signals=signals_of(message.signals) if message.HasField("signals") else None,
        capabilities=_capabilities_of(message.capabilities) if message.HasField("capabilities") else None,
        engine=message.engine,
        oldest_offset=message.oldest_offset,
        next_offset=message.next_offset,
        tx_offset=message.tx_offset,
        readers=message.readers,
        stats=_stats_of(message.stats),
        log_id=message.log_id,
        held_by_flow_control=message.held_by_flow_control,
        foreign_readers=tuple(message.foreign_readers),
        writer=message.writer,
        labels=dict(message.labels),
    )


def data_of(message: types_pb2.Data) -> items.Data:
    return items.Data(message.offset, message.bytes, time_ns(message.receive_time))


def gap_of(message: types_pb2.Gap) -> items.Gap:
    # "from" is a Python keyword, so the generated class cannot use it as an attribute.
    return items.Gap(int(getattr(message, "from")), message.to, message.events_lost)


def _what_of(message: types_pb2.Event) -> items.EventKind | None:
    match message.WhichOneof("event"):
        case "settings":
            settings = message.settings
            return items.SettingsChanged(settings.baud, format_of(settings.format), settings.changed_outside)
        case "signals":
            return signals_of(message.signals)
        case "line_error":
            return _line_errors_of(message.line_error)
        case "offline":
            return items.Offline(message.offline.reason)
        case "online":
            return items.Online(message.online.device)
        case "break":
            sent: types_pb2.BreakSent = getattr(message, "break")
            return items.BreakSent(seconds(sent.duration))
        case "writer":
            writer = message.writer
            return items.WriterChanged(
                client=writer.client,
                refused_bytes=writer.refused_bytes,
                refused_request=writer.refused_request,
                via=writer.via,
                reason=writer.reason,
                previous=writer.previous,
                change=types.LeaseChange(writer.change),
            )
        case "flushed":
            direction = types.FlushDirection(message.flushed.direction)
            return items.Flushed(direction, message.flushed.bytes, message.flushed.client)
        case "foreign_reader":
            return items.ForeignReaders(tuple(message.foreign_reader.processes))
        case "held":
            return items.OutputHeld(message.held.held)
        case "notice":
            # "from" is a Python keyword.
            return items.Notice(message.notice.text, str(getattr(message.notice, "from")))
    return None


def event_of(message: types_pb2.Event) -> items.Event:
    return items.Event(message.offset, time_ns(message.time), _what_of(message), message.number)


def log_item_of(message: console_pb2.ReadResponse | console_pb2.AttachResponse) -> items.LogItem | None:
    """None for a kind of event that this library does not know."""
    match message.WhichOneof("item"):
        case "data":
            return data_of(message.data)
        case "gap":
            return gap_of(message.gap)
        case "event":
            return event_of(message.event)
    return None


def records_of(message: console_pb2.CollectResponse) -> Iterator[types.Record]:
    for record in message.records:
        match record.WhichOneof("item"):
            case "data":
                yield types.Record(record.port, items.Data(record.offset, record.data, time_ns(record.receive_time)))
            case "gap":
                yield types.Record(record.port, gap_of(record.gap))
            case "event":
                yield types.Record(record.port, event_of(record.event))


def change_of(message: port_pb2.PortEvent) -> types.PortChange:
    event = event_of(message.event) if message.HasField("event") else None
    return types.PortChange(port_of(message.port), event, message.events_lost, message.removed)


def session_of(message: session_pb2.Session) -> types.Session:
    return types.Session(
        id=message.id,
        identity=message.identity,
        via=message.via,
        peer=message.peer,
        client=message.client,
        port=message.port,
        mode=types.SessionMode(message.mode),
        since_ns=time_ns(message.since),
        read_bytes=message.read_bytes,
        written_bytes=message.written_bytes,
        lag_bytes=message.lag_bytes,
    )


def lease_of(message: lease_pb2.Lease) -> types.Lease:
    return types.Lease(
        id=message.id,
        port=message.port,
        holder=message.holder,
        via=message.via,
        since_ns=time_ns(message.since),
        expires_ns=time_ns(message.expires) if message.HasField("expires") else 0,
        reason=message.reason,
    )


def server_info_of(message: admin_pb2.GetServerInfoResponse) -> types.ServerInfo:
    return types.ServerInfo(
        version=message.version,
        engine=message.engine,
        refusals=tuple(types.EngineRefusal(refusal.engine, refusal.reason) for refusal in message.refusals),
        uptime_seconds=seconds(message.uptime),
        ports_up=message.ports_up,
        ports_total=message.ports_total,
        readers=message.readers,
    )
