"""The main results as a picture: a bar for each contender, on a logarithmic scale."""
import html
import math

import samples as of
import tables

# title, case, metric, whether more is better, contender of vserd
PANELS = [
    ("Device to client, one reader", "read1", "mb_s", True, "vserd"),
    ("64 readers of one port", "read64", "mb_s", True, "vserd"),
    ("Client to device, 4 kB writes", "write4k", "mb_s", True, "vserd-library"),
    ("Client to device, 64 B writes", "write64", "mb_s", True, "vserd-library"),
    ("CPU per MB, device to client", "read1", "cpu_ms_mb", False, "vserd"),
    ("One byte there and back, p50", "echo", "p50_us", False, "vserd"),
    ("CPU per byte, 1000 ports at 115200", "ports1000", "cpu_us_kb", False, "vserd-collect"),
    ("pyserial over RFC 2217, both ways", "rfc2217", "mb_s", True, "vserd"),
]
UNITS = {"mb_s": "MB/s", "cpu_ms_mb": "CPU ms/MB", "p50_us": "µs", "cpu_us_kb": "CPU µs/kB"}
COLOURS = {"vserd": "#2f6f4e", "ser2net-tuned": "#8a8f98", "ser2net": "#c7cad0",
           "conserver": "#b5894a", "socat": "#6f86b5", "pyserial": "#a87fa8"}
WIDTH, LEFT, BAR, GAP, TOP = 760, 250, 16, 22, 56
DECADE = 150  # pixels for a factor of ten


def _bar(x, y, width, colour, label):
    return (f'<rect x="{x:.0f}" y="{y}" width="{max(width, 1):.0f}" height="{BAR - 3}" rx="2" fill="{colour}"/>'
            f'<text x="{x + max(width, 1) + 6:.0f}" y="{y + 10}" class="n">{label}</text>')


def _panels(samples):
    for title, case, metric, higher, contender in PANELS:
        values = {name: of.median(samples, case, contender if name == "vserd" else name, metric) for name in COLOURS}
        values = {name: value for name, value in values.items() if value}
        if len(values) > 1:
            yield title, "more is better" if higher else "less is better", UNITS[metric], values


def svg(samples, origin):
    """None where the samples hold nothing to compare."""
    rows, y = [], TOP
    for title, sense, unit, values in _panels(samples):
        rows.append(f'<text x="16" y="{y + 12}" class="t">{title}</text><text x="16" y="{y + 27}" class="n">{sense}</text>')
        floor = min(values.values())
        for name, value in values.items():
            rows.append(_bar(LEFT, y, 24 + DECADE * math.log10(value / floor), COLOURS[name], f"{name} {tables.number(value)} {unit}"))
            y += BAR
        y += GAP
    if not rows:
        return None
    style = ("text{font-family:sans-serif;fill:#24292f}.h{font-size:16px;font-weight:600}.t{font-size:13px}.n{font-size:11px;fill:#57606a}")
    head = (f'<text x="16" y="24" class="h">vserd beside ser2net (default and tuned), conserver, socat and pyserial</text>'
            f'<text x="16" y="42" class="n">medians of interleaved rounds, bars logarithmic; {html.escape(origin)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"><style>{style}</style>'
            f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>{head}{"".join(rows)}</svg>\n')
