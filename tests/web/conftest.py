"""One Chromium for each test module; tests are skipped where there is none."""
import pytest

pytest.importorskip("selenium", reason="no python3-selenium")

from browser import CHROMIUM, DRIVER, Browser  # noqa: E402
from web_daemon import CONSOLE, ECHO, WebDaemon  # noqa: E402

import vser  # noqa: E402


def pytest_collection_modifyitems(items):
    if not (CHROMIUM and DRIVER):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no chromium or chromium-driver"))


@pytest.fixture(scope="module")
def browser():
    started = Browser()
    yield started
    started.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = WebDaemon(tmp_path_factory.mktemp("vserd"), CONSOLE + ECHO, '[history]\nbytes_per_port = "8MiB"\n')
    yield started
    started.stop()


@pytest.fixture
def client(daemon):
    with vser.connect(daemon.address) as connected:
        yield connected
