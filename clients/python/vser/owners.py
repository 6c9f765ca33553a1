"""Connections to the bridges that own ports. The fleet's entries say where those are, but not whom to trust."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import grpc

from vser.connection import Connection, Tls
from vser.errors import VserError
from vser.fleet_types import FleetPort

# No path and no scheme, so that an entry cannot lead to a socket or to another resolver.
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What all connections of a fleet use. An entry of the fleet never switches TLS off, and never names the certificate."""

    tls: Tls | None
    token: str | None
    hosts: Sequence[str]  # patterns such as "*.lab.example"; empty: any host
    timeout: float | None

    def __post_init__(self) -> None:
        if self.token and self.tls is not None and self.tls.ca is None and not self.hosts:
            raise ValueError("give `hosts` or a CA of your own, so that the token is sent to the bridges only: "
                             "the system's CAs vouch for every host of the internet")

    def entry(self, address: str) -> Connection:
        return Connection(address, self.tls, self.timeout, self.token)

    def owner(self, port: FleetPort) -> Connection:
        """A connection to the bridge that owns the port. Raises VserError if it must not be dialled."""
        self._check_address(port)
        if self.tls is not None:
            return Connection(port.address, replace(self.tls, name=None), self.timeout, self.token)
        if self.token:
            raise _refusal(port, "the token is sent over TLS only; pass `tls`")
        return Connection(port.address, Tls() if port.tls else None, self.timeout)

    def _check_address(self, port: FleetPort) -> None:
        match = _ADDRESS.fullmatch(port.address)
        if match is None:
            raise _refusal(port, "that is not HOST:PORT")
        host = match["host"].strip("[]").lower()
        if self.hosts and not any(fnmatchcase(host, pattern.lower()) for pattern in self.hosts):
            raise _refusal(port, f"`hosts` allows {', '.join(self.hosts)}")


def _refusal(port: FleetPort, why: str) -> VserError:
    message = f"port {port.name!r} is said to be at {port.address!r} (bridge {port.bridge!r}), but {why}"
    return VserError(grpc.StatusCode.PERMISSION_DENIED, message, "OWNER_REFUSED", {"port": port.name, "bridge": port.bridge})
