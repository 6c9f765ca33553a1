"""What is to be reached, and whether it is. Each line: `must` is the promise, `aim` what prototypes showed to be possible."""
from dataclasses import dataclass
from typing import Callable, Optional

import samples as of


@dataclass
class Target:
    case: str
    name: str
    measure: Callable  # of the samples and the case: a value for each round
    unit: str
    higher: bool  # more is better
    must: Optional[float]
    aim: float


@dataclass
class Row:
    target: Target
    values: list  # of the rounds
    verdict: str

    @property
    def value(self):
        return of.middle(self.values)


def _ratio(metric, contender, to):
    return lambda samples, case: of.ratios(samples, case, metric, contender, to)


def _inverse(metric, contender, to):
    return lambda samples, case: of.ratios(samples, case, metric, to, contender)


def _figure(metric, contender, factor=1.0):
    return lambda samples, case: [value * factor for value in of.values(samples, case, contender, metric).values()]


def _delivered(samples, case):
    rounds = [of.values(samples, case, contender, "delivered") for contender in ("vserd", "vserd-collect")]
    return [100 * value for found in rounds for value in found.values()]


TUNED = "ser2net-tuned"
CPU_US_OF_64_BYTES = 64e-6 * 1e3  # of CPU ms/MB

TARGETS = [
    Target("echo", "echo p50, default / vserd", _inverse("p50_us", "vserd", "ser2net"), "x", True, 25, 40),
    Target("echo", "echo p50, vserd / tuned", _ratio("p50_us", "vserd", TUNED), "x", False, 1.5, 1.25),
    Target("echo", "echo p99, vserd / tuned", _ratio("p99_us", "vserd", TUNED), "x", False, 1.8, 1.5),
    Target("echo1ms", "echo once a millisecond, p50, vserd / tuned", _ratio("p50_us", "vserd", TUNED), "x", False, 2, 1.5),
    Target("echoload", "echo beside stress-ng, p50, vserd / tuned", _ratio("p50_us", "vserd", TUNED), "x", False, 2, 1.5),
    Target("echo", "echo p50, client certificates and rules / TLS alone",
           _ratio("p50_us", "vserd-rules", "vserd-tls"), "x", False, 1.15, 1.0),
    Target("read1", "device to client, vserd / a direct pty pair", _ratio("mb_s", "vserd", "direct"), "x", True, 0.92, 0.97),
    Target("read1", "device to client, vserd / tuned", _ratio("mb_s", "vserd", TUNED), "x", True, 2.5, 2.9),
    Target("read1", "device to client, vserd / default", _ratio("mb_s", "vserd", "ser2net"), "x", True, 15, 17),
    Target("read1", "the same, CPU per MB, vserd / tuned", _ratio("cpu_ms_mb", "vserd", TUNED), "x", False, 0.35, 0.2),
    Target("read1", "device to client, TLS on / off", _ratio("mb_s", "vserd-tls", "vserd"), "x", True, 0.5, 0.7),
    Target("write4k", "client to device 4 kB, library / tuned", _ratio("mb_s", "vserd-library", TUNED), "x", True, 1.3, 1.6),
    Target("write4k", "the same, a message for each write", _ratio("mb_s", "vserd", TUNED), "x", True, 1.15, 1.4),
    Target("write64", "client to device 64 B, library / tuned", _ratio("mb_s", "vserd-library", TUNED), "x", True, 0.5, 1),
    Target("write64", "messages of 64 B without the library, CPU of each",
           _figure("cpu_ms_mb", "vserd", CPU_US_OF_64_BYTES), "us", False, 6, 3),
    Target("read64", "64 readers, vserd / tuned", _ratio("mb_s", "vserd", TUNED), "x", True, 6, 13),
    Target("read64", "64 readers, vserd / default", _ratio("mb_s", "vserd", "ser2net"), "x", True, 50, 118),
    Target("read256", "256 readers in full flow, resident for each", _figure("reader_kb", "vserd"), "kB", False, 45, 20),
    Target("web200", "200 readers, CPU per MB, WebSockets / gRPC",
           _ratio("cpu_ms_mb", "vserd-web", "vserd"), "x", False, 1.3, 1.0),
    Target("stopped", "seven readers beside a stopped one / alone", _figure("beside_alone", "vserd"), "x", True, 0.95, 0.99),
    Target("ports64", "64 ports, CPU per byte, a stream each / tuned", _ratio("cpu_us_kb", "vserd", TUNED), "x", False, 1.0, 0.7),
    Target("ports64", "64 ports, CPU per byte, Collect / tuned",
           _ratio("cpu_us_kb", "vserd-collect", TUNED), "x", False, 1.0, 0.6),
    Target("ports1000", "1000 ports, delivered", _delivered, "%", True, 100, 100),
    Target("ports1000", "1000 ports, CPU per byte, Collect / tuned",
           _ratio("cpu_us_kb", "vserd-collect", TUNED), "x", False, None, 0.8),
    Target("ports1000", "1000 ports, CPU per byte, archived / not",
           _ratio("cpu_us_kb", "vserd-archive", "vserd"), "x", False, 1.3, 1.1),
    Target("ports1000", "1000 ports, resident less history, a stream each",
           _figure("resident_less_history_mb", "vserd"), "MB", False, 50, 30),
    Target("ports1000", "1000 ports, resident less history, Collect",
           _figure("resident_less_history_mb", "vserd-collect"), "MB", False, 40, 25),
    Target("echo", "raw TCP: echo p50, vserd / tuned", _ratio("p50_us", "vserd-raw", TUNED), "x", False, 0.85, 0.6),
    Target("read1", "raw TCP: device to client, vserd / a direct pty pair",
           _ratio("mb_s", "vserd-raw", "direct"), "x", True, 0.95, 1),
    Target("write4k", "raw TCP: client to device 4 kB, vserd / tuned", _ratio("mb_s", "vserd-raw", TUNED), "x", True, 1.5, 2),
    Target("ports64", "raw TCP: 64 ports, CPU per byte, vserd / tuned",
           _ratio("cpu_us_kb", "vserd-raw", TUNED), "x", False, 0.6, 0.4),
    Target("ports1000", "raw TCP: 1000 ports, CPU per byte, vserd / tuned",
           _ratio("cpu_us_kb", "vserd-raw", TUNED), "x", False, 0.6, 0.4),
    Target("rfc2217", "RFC 2217: pyserial, 4 kB both ways, vserd / tuned", _ratio("mb_s", "vserd", TUNED), "x", True, 1, 1.5),
    Target("idle1000", "1000 idle ports with modem lines, CPU of a core", _figure("idle_percent", "vserd"), "%", False, 3, 1),
    Target("lines", "a change of a modem line to the event at a reader",
           _figure("event_max_ms", "vserd"), "ms", False, None, 250),
    Target("start1", "start to serving, 1 port", _figure("serving_ms", "vserd"), "ms", False, 100, 40),
    Target("start1000", "start to serving, 1000 ports", _figure("serving_ms", "vserd"), "ms", False, 170, 60),
]


def _reached(target, value, bound):
    return bound is not None and (value >= bound if target.higher else value <= bound)


def _verdict(target, values):
    """By the median, unless it may lie on either side of the promise and the rounds differ so much that the machine is to blame."""
    if not values:
        return "none: a run failed"
    value, interval = of.middle(values), of.interval(values)
    bound = target.aim if target.must is None else target.must
    if interval is None:
        return "none: too few rounds"
    if of.is_noisy(interval) and len({_reached(target, end, bound) for end in interval}) == 2:
        return "none: too noisy"
    if _reached(target, value, target.aim):
        return "aim reached"
    return "must reached" if target.must is None or _reached(target, value, target.must) else "missed"


def judge(samples):
    """The rows of the cases that were measured."""
    broken = {s["case"] for s in samples if s.get("failed") in ("lost bytes", "failed")}
    rows = []
    for target in TARGETS:
        values = target.measure(samples, target.case)
        if values or target.case in broken:
            rows.append(Row(target, values, _verdict(target, values)))
    return rows
