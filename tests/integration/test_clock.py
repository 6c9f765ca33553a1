"""Nothing that vserd decides depends on the system's clock, which is set at any time."""
import datetime
import os
import time

import pytest
from restarts import bytes_of, log_of, online, port_table, until, wire
from shims import Clock
from vserd_process import Daemon

import vser

HOUR = 3600
YEARS = 20 * 365 * 24 * HOUR


@pytest.mark.parametrize("step", [-HOUR, YEARS], ids=["back", "forward"])
@pytest.mark.parametrize("folder", [False, True], ids=["memory", "restarted"])
def test_after_the_clock_was_set_all_is_read_and_found_by_time(tmp_path, wire, step, folder):
    clock = Clock(tmp_path)
    clock.set(-step)
    server = f'state_dir = "{tmp_path}/state"' if folder else ""
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=server, env=dict(os.environ, **clock.environment))
    online(daemon)
    wire.send(b"before,")
    until(lambda: bytes_of(log_of(daemon)) == b"before,")

    clock.set(0)
    if folder:
        daemon.stop()
        daemon.start()
        online(daemon)
    wire.send(b"after")
    until(lambda: bytes_of(log_of(daemon)) == b"before,after")  # what does not follow ends with the events too
    with vser.connect(daemon.address) as client:
        now = time.time()
        minute_ago = datetime.datetime.fromtimestamp(now - 60, datetime.timezone.utc)
        assert bytes_of(client.read("line", start=minute_ago)) == b"before,after"
        times = [item.receive_time_ns / 1e9 for item in client.read("line") if isinstance(item, vser.Data)]
    assert times and all(now - 60 < received <= now for received in times), times
    daemon.stop()
