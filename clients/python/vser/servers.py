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


def find_server(name: str | None, file: Path | None = None) -> Server | None:
    """The server of this name, or for None the default; None if the file does not exist or does not have it. Raises ValueError
    for a file with mistakes."""
    path = file or servers_file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        root = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    servers, usual = _read(root, path)
    return servers.get(usual if name is None else name)


def read_token(file: str | Path) -> str:
    token = Path(file).read_text(encoding="utf-8").strip()
    if not token:
        raise ValueError(f"the token file {file} is empty")
    return token


def _read(root: dict[str, Any], file: Path) -> tuple[dict[str, Server], str]:
    for key in root:
        if key not in ("default", "server"):
            raise ValueError(f"{file}: {key!r} is not known: the file has 'default' and [server.NAME]")
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
    paths = {key: file.parent / Path(table[key]).expanduser() for key in _PATHS if key in table}
    tls = None
    if table.get("tls") or table.keys() & {"ca", "cert", "tls_name"}:
        tls = Tls(paths.get("ca"), paths.get("cert"), paths.get("key"), table.get("tls_name"))
    return Server(table["address"], tls, paths.get("token_file"))
