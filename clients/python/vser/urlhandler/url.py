"""Parses vser:// URLs."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from vser.connection import Tls
from vser.types import StartPoint, Tail

_SHAPE = "vser://[HOST[:PORT]]/NAME[?OPTION&OPTION...]"
_FLAGS = ("exclusive", "keep", "tls")
_VALUES = ("from", "name", "unix", "ca", "certificate", "key", "token_file")


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL names.

    `address`: for vser.connect(), so it may be the name of a server; None: its default. `keep`: open() leaves the port's
    settings as they are.
    """

    address: str | None
    port: str
    start: StartPoint = "live"
    exclusive: bool = False
    keep: bool = False
    name: str = "pyserial"
    tls: Tls | bool = field(default=False)
    token_file: str | None = None


def parse(url: str) -> Target:
    """Raises ValueError, which says what is wrong."""
    parts = urlsplit(url)
    port = unquote(parts.path.removeprefix("/"))
    if parts.scheme != "vser" or not port or parts.fragment:
        raise ValueError(f"{url!r} does not name a port: write {_SHAPE}")
    options = _options(parts.query)
    if "unix" in options and parts.netloc:
        raise ValueError(f"{url!r} has a host and a Unix socket: write one of them")
    return Target(
        address=f"unix:{options['unix']}" if "unix" in options else parts.netloc or None,
        port=port,
        start=_start(options.get("from", "live")),
        exclusive="exclusive" in options,
        keep="keep" in options,
        name=options.get("name", "pyserial"),
        tls=_tls(options),
        token_file=options.get("token_file"),
    )


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in (*_FLAGS, *_VALUES):
            raise ValueError(f"{name!r} is not an option of vser:// URLs: they have {', '.join((*_FLAGS, *_VALUES))}")
        if (name in _FLAGS) == bool(value):
            raise ValueError(f"option {name!r} of a vser:// URL {'has no value' if name in _FLAGS else 'needs a value'}")
    return options


def _start(text: str) -> StartPoint:
    if text == "live" or text == "oldest":
        return text  # type: ignore[return-value]
    kind, _, size = text.rpartition(":")
    if size.isdecimal() and kind in ("", "tail"):
        return Tail(int(size)) if kind else int(size)
    raise ValueError(f"from={text}: write oldest, live, an offset or tail:BYTES")


def _tls(options: dict[str, str]) -> Tls | bool:
    if not options.keys() & {"ca", "certificate", "key"}:
        return "tls" in options
    return Tls(options.get("ca"), options.get("certificate"), options.get("key"))
