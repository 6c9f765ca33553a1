"""What a PromQL expression asks for, as far as the tests have to know: metric names, and the labels it uses of each."""
import re

_SELECTOR = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<matchers>[^{}]*)\})?")
_MATCHER = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^()]*)\)")
_OURS = re.compile(r"vserd_|process_|instance:|instance_port:|up$")
_ATTACHED_BY_PROMETHEUS = {"job", "instance", "bridge", "__name__"}  # the bridge: by prometheus/fleet.yml
_SUFFIXES = ("_bucket", "_sum", "_count")


def selectors(expression):
    """[(metric, labels that it is selected by)] of everything in the expression that is a metric of ours."""
    grouping = set()
    for labels in _GROUPING.findall(expression):
        grouping |= {label.strip() for label in labels.split(",") if label.strip()}
    found = []
    for match in _SELECTOR.finditer(_GROUPING.sub(" ", expression)):
        if _OURS.match(match["name"]):
            found.append((match["name"], set(_MATCHER.findall(match["matchers"] or "")) | grouping))
    return found


def exported(text):
    """{metric: its labels} of what a daemon serves in Prometheus' text format, histograms by the names of their samples."""
    metrics = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = _SELECTOR.match(line)
            metrics.setdefault(match["name"], set()).update(_MATCHER.findall(re.sub(r'="', ' ="', match["matchers"] or "")))
    return metrics


def faults(expression, metrics, recorded):
    """What in the expression is neither exported nor recorded, or has not the labels that it is asked for."""
    wrong = []
    everywhere = set().union(*metrics.values()) | _ATTACHED_BY_PROMETHEUS
    for name, labels in selectors(expression):
        if name == "up" or name in recorded:
            unknown = labels - everywhere
        elif name in metrics:
            unknown = labels - metrics[name] - _ATTACHED_BY_PROMETHEUS
        else:
            wrong.append(f"{name} is not exported by vserd")
            continue
        wrong += [f"{name} has no label {label}" for label in sorted(unknown)]
    return wrong
