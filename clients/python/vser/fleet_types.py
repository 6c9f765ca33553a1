"""What a fleet consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vser import convert
from vser.types import State
from vser.v1 import fleet_service_pb2 as fleet_pb2


@dataclass(frozen=True, slots=True)
class FleetPort:
    """A port of the fleet, and the bridge that owns it."""

    name: str
    bridge: str
    address: str
    tls: bool
    description: str
    state: State
    log_id: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def online(self) -> bool:
        return self.state is State.ONLINE


@dataclass(frozen=True, slots=True)
class Bridge:
    """A vserd of the fleet."""

    id: str
    address: str
    tls: bool
    version: str
    started_ns: int
    metrics_address: str
    metrics_tls: bool
    web: str
    ports: int


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """How up to date the answers of a bridge are."""

    bridge: str  # that answered
    stale: bool  # they may be old: the bridge does not reach etcd
    since_ns: int
    problem: str  # empty: none
    conflicts: Mapping[str, str] = field(default_factory=dict, hash=False)  # ports it serves, and the bridge that owns the name


def port_of(message: fleet_pb2.FleetPort) -> FleetPort:
    return FleetPort(
        name=message.name,
        bridge=message.bridge,
        address=message.address,
        tls=message.tls,
        description=message.description,
        state=State(message.state),
        log_id=message.log_id,
        labels=dict(message.labels),
    )


def bridge_of(message: fleet_pb2.Bridge) -> Bridge:
    return Bridge(
        id=message.id,
        address=message.address,
        tls=message.tls,
        version=message.version,
        started_ns=convert.time_ns(message.started),
        metrics_address=message.metrics_address,
        metrics_tls=message.metrics_tls,
        web=message.web,
        ports=message.ports,
    )


def status_of(message: fleet_pb2.FleetStatus) -> FleetStatus:
    conflicts = {conflict.port: conflict.owner for conflict in message.conflicts}
    return FleetStatus(message.bridge, message.stale, convert.time_ns(message.since), message.problem, conflicts)
