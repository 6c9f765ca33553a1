"""What is to be reached, and whether it is. Each line: `must` is the promise, `aim` what prototypes showed to be possible."""
from dataclasses import dataclass
from typing import Callable, Optional

import samples as of


@dataclass
class Target:
    name: str
    measure: Callable  # of the samples: a value for each round
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


def _ratio(case, metric, contender, to):
    return lambda samples: of.ratios(samples, case, metric, contender, to)


def _inverse(case, metric, contender, to):
    return lambda samples: of.ratios(samples, case, metric, to, contender)


def _median(case, metric, contender):
    return lambda samples: list(of.values(samples, case, contender, metric).values())


def _delivered(samples):
    rounds = [of.values(samples, "ports1000", contender, "delivered") for contender in ("vserd", "vserd-collect")]
    return [100 * value for found in rounds for value in found.values()]


TARGETS = [
    Target("echo p50, default / vserd", _inverse("echo", "p50_us", "vserd", "ser2net"), "x", True, 25, 40),
    Target("echo p50, vserd / tuned", _ratio("echo", "p50_us", "vserd", "ser2net-tuned"), "x", False, 2.0, 1.25),
    Target("echo p50, client certificates and rules / TLS alone", _ratio("echo", "p50_us", "vserd-rules", "vserd-tls"), "x", False, 1.15, 1.0),
    Target("echo p99, vserd / tuned", _ratio("echo", "p99_us", "vserd", "ser2net-tuned"), "x", False, 3, 1.5),
    Target("device to client, vserd / tuned", _ratio("read1", "mb_s", "vserd", "ser2net-tuned"), "x", True, 2.5, 4),
    Target("device to client, vserd / default", _ratio("read1", "mb_s", "vserd", "ser2net"), "x", True, 15, 25),
    Target("the same, CPU per MB, vserd / tuned", _ratio("read1", "cpu_ms_mb", "vserd", "ser2net-tuned"), "x", False, 0.35, 0.2),
    Target("client to device 4 kB, library / tuned", _ratio("write4k", "mb_s", "vserd-library", "ser2net-tuned"), "x", True, 1.0, 1.6),
    Target("the same, a message for each write", _ratio("write4k", "mb_s", "vserd", "ser2net-tuned"), "x", True, 1.0, 1.6),
    Target("client to device 64 B, library / tuned", _ratio("write64", "mb_s", "vserd-library", "ser2net-tuned"), "x", True, 0.5, 1),
    Target("64 readers, vserd / tuned", _ratio("read64", "mb_s", "vserd", "ser2net-tuned"), "x", True, 6, 13),
    Target("64 readers, vserd / default", _ratio("read64", "mb_s", "vserd", "ser2net"), "x", True, 50, 118),
    Target("200 readers, CPU per MB, WebSockets / gRPC", _ratio("web200", "cpu_ms_mb", "vserd-web", "vserd"), "x", False, 1.3, 1.0),
    Target("seven readers beside a stopped one / alone",
           _median("stopped", "beside_alone", "vserd"), "x", True, 0.95, 0.99),
    Target("64 ports, CPU per byte, Collect / tuned", _ratio("ports64", "cpu_us_kb", "vserd-collect", "ser2net-tuned"), "x", False, 1.0, 0.6),
    Target("1000 ports, delivered", _delivered, "%", True, 100, 100),
    Target("1000 ports, CPU per byte, Collect / tuned", _ratio("ports1000", "cpu_us_kb", "vserd-collect", "ser2net-tuned"), "x", False, None, 0.8),
    Target("1000 ports, CPU per byte, archived / not", _ratio("ports1000", "cpu_us_kb", "vserd-archive", "vserd"), "x", False, 1.3, 1.1),
    Target("1000 ports, resident less history", _median("ports1000", "resident_less_history_mb", "vserd"), "MB", False, 60, 30),
    Target("raw TCP: echo p50, vserd / tuned", _ratio("echo", "p50_us", "vserd-raw", "ser2net-tuned"), "x", False, 0.85, 0.6),
    Target("raw TCP: device to client, vserd / a direct pty pair", _ratio("read1", "mb_s", "vserd-raw", "direct"), "x", True, 0.95, 1),
    Target("raw TCP: client to device 4 kB, vserd / tuned", _ratio("write4k", "mb_s", "vserd-raw", "ser2net-tuned"), "x", True, 1.5, 2),
    Target("raw TCP: 64 ports, CPU per byte, vserd / tuned", _ratio("ports64", "cpu_us_kb", "vserd-raw", "ser2net-tuned"), "x", False, 0.6, 0.4),
    Target("raw TCP: 1000 ports, CPU per byte, vserd / tuned", _ratio("ports1000", "cpu_us_kb", "vserd-raw", "ser2net-tuned"), "x", False, 0.6, 0.4),
    Target("RFC 2217: pyserial, 4 kB both ways, vserd / tuned", _ratio("rfc2217", "mb_s", "vserd", "ser2net-tuned"), "x", True, 1, 1.5),
    Target("1000 idle ports with modem lines, CPU of a core", _median("idle1000", "idle_percent", "vserd"), "%", False, 3, 1),
    Target("a change of a modem line to the event at a reader", _median("lines", "event_max_ms", "vserd"), "ms", False, None, 250),
    Target("start to serving, 1 port", _median("start1", "serving_ms", "vserd"), "ms", False, 100, 40),
    Target("start to serving, 1000 ports", _median("start1000", "serving_ms", "vserd"), "ms", False, 170, 60),
]


def _reached(target, value, bound):
    return bound is not None and (value >= bound if target.higher else value <= bound)


def _verdict(target, values):
    """By the median, unless it may lie on either side of the promise and the rounds differ so much that the machine is to blame."""
    value, interval = of.middle(values), of.interval(values)
    bound = target.aim if target.must is None else target.must
    if interval and of.is_noisy(interval) and len({_reached(target, end, bound) for end in interval}) == 2:
        return "none: too noisy"
    if _reached(target, value, target.aim):
        return "aim reached"
    return "must reached" if target.must is None or _reached(target, value, target.must) else "missed"


def judge(samples):
    """The rows that the samples have figures for."""
    rows = []
    for target in TARGETS:
        if values := target.measure(samples):
            rows.append(Row(target, values, _verdict(target, values)))
    return rows
