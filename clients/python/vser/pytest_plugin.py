"""For tests of a device on a port of vserd: fixtures for consoles, and the port's log in the report of a test that fails.

The port comes from the marker `@pytest.mark.vser_port("NAME")`, --vser-port or vser_port in the configuration file; the address
from --vserd, vserd in the file, or the default of vser.connect().
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeAlias

import pytest

from vser.client import Client, connect
from vser.console import Console
from vser.errors import VserError
from vser.items import Data, Gap
from vser.types import Mode

LOG_BYTES_MAX = 64 * 1024  # of each port, the last ones; the rest can be read from the server
Attach: TypeAlias = Callable[..., Console]
_TRACES = pytest.StashKey[list["Trace"]]()


class Trace:
    """A port that a test uses, and the offset of its log when the test began."""

    def __init__(self, client: Client, port: str, start: int) -> None:
        self.title = f"vserd port {port}"
        self._client, self._port, self._start = client, port, start

    def text(self) -> str:
        """What the port has received during the test. Never raises, because it reports another failure."""
        try:
            start = max(self._start, self._client.port(self._port).next_offset - LOG_BYTES_MAX)
            return f"received from offset {self._start}{_cut(start - self._start)}:\n{self._received(start)}"
        except (VserError, ValueError) as error:
            return f"the log cannot be read: {error}"

    def _received(self, start: int) -> str:
        items = self._client.read(self._port, start=start, max_bytes=LOG_BYTES_MAX)
        parts = (item.data if isinstance(item, Data) else _mark(item) for item in items if isinstance(item, (Data, Gap)))
        return _printable(b"".join(parts))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vser", "serial ports of vserd")
    group.addoption("--vserd", metavar="ADDRESS", help="address of vserd: HOST[:PORT] or unix:/PATH, or the name of a server")
    group.addoption("--vser-port", metavar="NAME", help="the port of the fixture vser_console")
    parser.addini("vserd", "address of vserd: HOST[:PORT] or unix:/PATH, or the name of a server", default="")
    parser.addini("vser_port", "the port of the fixture vser_console", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vser_port(name): the port of the fixture vser_console")


@pytest.fixture(scope="session")
def vser_client(pytestconfig: pytest.Config) -> Iterator[Client]:
    """The connection to vserd. For TLS and tokens name a server of ~/.config/vserctl/config.toml, or override this fixture."""
    with connect(_setting(pytestconfig, "vserd") or None) as client:
        yield client


@pytest.fixture
def vser_attach(request: pytest.FixtureRequest, vser_client: Client) -> Iterator[Attach]:
    """Opens a console as Client.attach() does, and closes it after the test. Reports show the port's log from here on."""
    consoles: list[Console] = []
    traces = request.node.stash.setdefault(_TRACES, [])

    def attach(port: str, start: object = None, **options: object) -> Console:
        head = vser_client.port(port).next_offset
        traces.append(Trace(vser_client, port, head))
        consoles.append(vser_client.attach(port, head if start is None else start, **{"name": "pytest", **options}))  # type: ignore[arg-type]
        return consoles[-1]

    yield attach
    for console in consoles:
        console.close()


@pytest.fixture
def vser_console(request: pytest.FixtureRequest, vser_attach: Attach) -> Console:
    """A console of the configured port with exclusive access, so that nobody else types into the test."""
    marker = request.node.get_closest_marker("vser_port")
    port = marker.args[0] if marker else _setting(request.config, "vser_port")
    if not port:
        raise pytest.UsageError('vser_console: which port? use @pytest.mark.vser_port("NAME"), --vser-port or vser_port = NAME')
    return vser_attach(port, mode=Mode.EXCLUSIVE)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.CallInfo[None], None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed:
        return
    for trace in item.stash.get(_TRACES, []):
        shown = (trace.title, trace.text())
        report.sections.append(shown)
        item.user_properties.append(shown)  # for --junitxml, which takes them from the report of the teardown
        if report.when == "teardown":
            report.user_properties.append(shown)


def _setting(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name))


def _cut(count: int) -> str:
    return f", without the first {count} bytes" if count > 0 else ""


def _mark(gap: Gap) -> bytes:
    return b"[%d bytes are no longer in the log]" % (gap.end - gap.start)


def _printable(received: bytes) -> str:
    """Escapes control characters, which would change the terminal, and keeps lines."""
    text = received.decode(errors="backslashreplace").replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
