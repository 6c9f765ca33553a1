"""Samples as Markdown and CSV."""
import samples as of

TITLES = {
    "echo": "One byte there and back",
    "echo1ms": "One byte there and back, once a millisecond",
    "echoload": "One byte there and back, beside stress-ng on all CPUs",
    "read1": "Device to client, one reader",
    "read8": "Device to client, 8 readers of one port, sum",
    "read64": "Device to client, 64 readers of one port, sum",
    "web200": "Device to client, 200 readers of one port, over gRPC and over WebSockets, sum",
    "read256": "Device to client, 256 readers of one port, sum",
    "stopped": "Seven readers, alone and beside one that stopped reading, in turn within a run; sum of the seven",
    "write4k": "Client to device, writes of 4 kB",
    "write64": "Client to device, writes of 64 bytes",
    "ports64": "64 ports at 115200",
    "ports512": "512 ports at 115200",
    "ports1000": "1000 ports at 115200",
    "rfc2217": "pyserial over RFC 2217, 4 kB there and back at a time",
    "idle1000": "1000 idle ports with modem lines (simulated)",
    "lines": "A change of a modem line (simulated) to the event at a reader",
    "start1": "Start to serving, 1 port",
    "start1000": "Start to serving, 1000 ports",
}
METRICS = {
    "p50_us": "p50 us", "p99_us": "p99 us", "mb_s": "MB/s", "cpu_ms_mb": "CPU ms/MB", "cpu_us_kb": "CPU us/kB", "kb_s": "kB/s",
    "delivered": "delivered", "resident_mb": "resident MB", "resident_less_history_mb": "less history MB",
    "reader_kb": "kB a reader", "port_kb": "kB a port",
    "alone_mb_s": "alone MB/s", "beside_alone": "beside / alone", "cpu_beside_alone": "CPU a MB, beside / alone",
    "idle_percent": "% of a core", "event_p50_ms": "event p50 ms", "event_max_ms": "event max ms",
    "serving_ms": "serving ms", "all_online_ms": "all ports online ms",
}


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head, rows):
    """A Markdown table that is also legible as it stands."""
    cells = [head, *rows]
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |"

    return "\n".join([line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)]) + "\n"


def name(samples, case, contender):
    """Of a row; it tells of rounds that gave no figures."""
    failures = of.failures(samples, case, contender)
    rounds = len({s["round"] for s in samples if s["case"] == case and s["contender"] == contender})
    if not failures or len(failures) == rounds:
        return contender
    return f"{contender} ({failures[0]} in {len(failures)} of {rounds} rounds)"


def figures(samples, case, contender, metrics):
    """The medians, with ~ where the rounds differ too much; of a contender without any, why."""
    found = [list(of.values(samples, case, contender, metric).values()) for metric in metrics]
    if any(found) or not (failures := of.failures(samples, case, contender)):
        return [("~" if values and of.is_noisy(of.bounds(values)) else "") + number(of.middle(values)) for values in found]
    return ["-" if failures[0] == "cannot" else failures[0], *[""] * (len(metrics) - 1)]


def cases(samples, heading="##"):
    """One section for each case: contenders down, metrics across."""
    sections = []
    for case in of.ordered(samples, "case"):
        own = [s for s in samples if s["case"] == case]
        metrics = [m for m in METRICS if any(m in s for s in own)] or ["mb_s"]
        rows = [[name(own, case, c), *figures(own, case, c, metrics)] for c in of.ordered(own, "contender")]
        sections.append(f"{heading} {TITLES.get(case, case)}\n\n" + table(["", *(METRICS[m] for m in metrics)], rows))
    return sections


LEGEND = (f"Medians of interleaved rounds, ratios within a round. ~: the rounds differ by more than {of.NOISY}x. "
          "-: not made for this, or not installed.\n")


def verdicts(rows):
    def show(value, unit):
        return "" if value is None else f"{number(value)} {unit}"

    body = [[r.target.name, show(r.value, r.target.unit), of.spread(r.values), ("at least " if r.target.higher else "at most ") + show(r.target.must, r.target.unit)
             if r.target.must is not None else "", show(r.target.aim, r.target.unit), r.verdict] for r in rows]
    return table(["metric", "measured", "spread", "must", "aim", "verdict"], body)


def csv(samples):
    lines = ["case,contender,metric,median,low,high,rounds"]
    for case in of.ordered(samples, "case"):
        own = [s for s in samples if s["case"] == case]
        for contender in of.ordered(own, "contender"):
            for metric in METRICS:
                if found := list(of.values(own, case, contender, metric).values()):
                    low, high = of.bounds(found)
                    lines.append(f"{case},{contender},{metric},{of.middle(found):.6g},{low:.6g},{high:.6g},{len(found)}")
    return "\n".join(lines) + "\n"
