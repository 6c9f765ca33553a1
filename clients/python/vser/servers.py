"""Named servers: the configuration file that vserctl reads too."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vser.connection import Tls

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PATHS = ("ca", "cert", "key", "token_file")
_FLEET_LISTS = ("entry", "hosts")
# vserctl's: this client does not ask etcd itself.
_ETCD_KEYS = ("etcd_ca", "etcd_cert", "etcd_key", "etcd_tls_name", "etcd_user", "etcd_password_file", "etcd_prefix")
_FLEET_KEYS = (*_FLEET_LISTS, "ca", "cert", "key", "tls", "token_file", *_ETCD_KEYS)
_KEYS = ("address", "ca", "cert", "key", "tls", "tls_name", "token_file")


@dataclass(frozen=True, slots=True)
class Server:
    """One [server.NAME] table: how to reach a vserd."""

    address: str
    tls: Tls | None = None
    token_file: Path | None = None


def servers_file() -> Path:
    """$XDG_CONFIG_HOME/vserctl/config.toml or ~/.config/vserctl/config.toml."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "vserctl" / "config.toml"


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """The [fleet] table: how to reach the bridges of a fleet."""

    entries: tuple[str, ...]
    tls: Tls | None = None
    token_file: Path | None = None
    hosts: tuple[str, ...] = ()


def find_server(name: str | None, file: Path | None = None) -> Server | None:
    """The server of this name, or for None the default; None if the file does not exist or does not have it. Raises ValueError
    for a file with mistakes."""
    path = file or servers_file()
    root = _load(path)
    if root is None:
        return None
    servers, usual = _read(root, path)
    return servers.get(usual if name is None else name)


def find_fleet(file: Path | None = None) -> FleetSettings | None:
    """None if the file does not exist or has no [fleet]. Raises ValueError for a file with mistakes."""
    path = file or servers_file()
    root = _load(path)
    if root is None or "fleet" not in root:
        return None
    _read(root, path)
    return _fleet(root["fleet"], path)


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error


def read_token(file: str | Path) -> str:
    token = Path(file).read_text(encoding="utf-8").strip()
    if not token:
        raise ValueError(f"the token file {file} is empty")
    return token


def _read(root: dict[str, Any], file: Path) -> tuple[dict[str, Server], str]:
    for key in root:
        if key not in ("default", "server", "fleet"):
            raise ValueError(f"{file}: {key!r} is not known: the file has 'default', [server.NAME] and [fleet]")
    tables = root.get("server", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ValueError(f"{file}: 'server' must be tables: [server.NAME]")
    servers = {name: _server(name, table, file) for name, table in tables.items()}
    usual = root.get("default", "")
    if not isinstance(usual, str) or (usual and usual not in servers):
        raise ValueError(f"{file}: 'default' names {usual!r}, but there is no [server.{usual}]")
    return servers, usual


def _server(name: str, table: dict[str, Any], file: Path) -> Server:
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise ValueError(f"{file}: {name!r} is not a name: use A-Z a-z 0-9 _ -")
    for key, value in table.items():
        if key not in _KEYS:
            raise ValueError(f"{file}: {key!r} is not a key of [server.{name}]: {', '.join(_KEYS)}")
        if not isinstance(value, bool if key == "tls" else str) or value == "":
            raise ValueError(f"{file}: {key!r} in [server.{name}] must be {'true or false' if key == 'tls' else 'a text'}")
    if "address" not in table:
        raise ValueError(f"{file}: [server.{name}] needs 'address'")
    if ("cert" in table) != ("key" in table):
        raise ValueError(f"{file}: [server.{name}] needs both 'cert' and 'key', or neither")
    tls, token_file = _secrets(table, file)
    return Server(table["address"], tls, token_file)


def _secrets(table: dict[str, Any], file: Path) -> tuple[Tls | None, Path | None]:
    paths = {key: file.parent / Path(table[key]).expanduser() for key in _PATHS if key in table}
    tls = None
    if table.get("tls") or table.keys() & {"ca", "cert", "tls_name"}:
        tls = Tls(paths.get("ca"), paths.get("cert"), paths.get("key"), table.get("tls_name"))
    return tls, paths.get("token_file")


def _fleet(table: Any, file: Path) -> FleetSettings:
    if not isinstance(table, dict):
        raise ValueError(f"{file}: 'fleet' must be a table: [fleet]")
    lists = {key: _texts(table.get(key, []), f"{file}: {key!r} in [fleet]") for key in _FLEET_LISTS}
    for key, value in table.items():
        if key not in _FLEET_KEYS:
            raise ValueError(f"{file}: {key!r} is not a key of [fleet]: {', '.join(_FLEET_KEYS)}")
        if key not in _FLEET_LISTS and (not isinstance(value, bool if key == "tls" else str) or value == ""):
            raise ValueError(f"{file}: {key!r} in [fleet] must be {'true or false' if key == 'tls' else 'a text'}")
    if not lists["entry"]:
        raise ValueError(f"{file}: [fleet] needs 'entry': the address of a bridge")
    if ("cert" in table) != ("key" in table):
        raise ValueError(f"{file}: [fleet] needs both 'cert' and 'key', or neither")
    return FleetSettings(lists["entry"], *_secrets(table, file), lists["hosts"])


def _texts(value: Any, what: str) -> tuple[str, ...]:
    """A text, or a list of texts."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"{what} must be a text or a list of texts")
    return tuple(texts)
