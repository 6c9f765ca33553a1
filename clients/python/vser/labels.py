"""Choosing ports by their labels."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import grpc

from vser.errors import VserError

_SHOWN_MAX = 20


def has_labels(labels: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    """Whether all of them are there; None stands for any value."""
    return all(key in labels and value in (None, labels[key]) for key, value in wanted.items())


def matching_ports(ports: Iterable[tuple[str, Mapping[str, str], bool]], wanted: Mapping[str, str | None]) -> list[str]:
    """Of these names, labels and states (True: the device is there): the names of those that can be leased, in random order.
    Raises VserError if there is none."""
    known = list(ports)
    matching = [(name, online) for name, labels, online in known if has_labels(labels, wanted)]
    chosen = [name for name, online in matching if online]
    if not matching:
        raise _no_port(f"no port has these labels{_describe(labels for _, labels, _ in known)}")
    if not chosen:
        raise _no_port("the ports with these labels are all offline")
    random.shuffle(chosen)
    return chosen


def _describe(labels: Iterable[Mapping[str, str]]) -> str:
    pairs = sorted({f"{key}={value}" for each in labels for key, value in each.items()})
    more = f", and {len(pairs) - _SHOWN_MAX} more" if len(pairs) > _SHOWN_MAX else ""
    return f"; there are: {', '.join(pairs[:_SHOWN_MAX])}{more}" if pairs else ": no port has any label"


def _no_port(message: str) -> VserError:
    return VserError(grpc.StatusCode.NOT_FOUND, message, "PORT_NOT_FOUND")
