"""Many clients at once: each pool and queue that they share has room for the next one, or says which limit is reached."""
import concurrent.futures
import contextlib
import os
import pathlib
import queue

import grpc
import pytest
from vserd_process import PATIENCE_SECONDS, Daemon

from vser.v1 import console_service_pb2

PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo"\n'
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
LIST_SERVICES = b"\x3a\x00"  # list_services: ""
HEALTH = "/grpc.health.v1.Health/Check"
WRITE = "/vser.v1.ConsoleService/Write"
MEBIBYTE = 1 << 20


class Reflection:
    """One open reflection stream."""

    def __init__(self, channel):
        self._questions = queue.SimpleQueue()
        self._answers = channel.stream_stream(REFLECTION)(iter(self._questions.get, None), timeout=PATIENCE_SECONDS)

    def list_services(self):
        self._questions.put(LIST_SERVICES)
        return next(self._answers)

    def close(self):
        self._questions.put(None)


@pytest.fixture
def daemon(tmp_path):
    started = Daemon(tmp_path, PORT)
    yield started
    started.stop()


def test_a_hundred_reflection_streams_leave_reflection_and_health_to_others(daemon):
    with grpc.insecure_channel(daemon.address) as channel, contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(contextlib.closing(Reflection(channel))) for _ in range(100)]
        answers = [stream.list_services() for stream in crowd]
        one_more = stack.enter_context(contextlib.closing(Reflection(channel)))

        assert b"vser.v1.PortService" in one_more.list_services()
        assert all(b"grpc.health.v1.Health" in answer for answer in answers)
        assert channel.unary_unary(HEALTH)(b"", timeout=PATIENCE_SECONDS) == b"\x08\x01"


@pytest.fixture
def stuck(tmp_path):
    """A vserd with a port that takes nothing: the far end of its pty sent XOFF."""
    master, slave = os.openpty()
    table = f'[[port]]\nname = "stuck"\ndevice = "{os.ttyname(slave)}"\nflow = "xonxoff"\n'
    started = Daemon(tmp_path, table)
    os.write(master, b"\x13")
    yield started
    started.stop()
    os.close(master)
    os.close(slave)


def resident_bytes(daemon):
    return int(pathlib.Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_writes_that_wait_for_a_port_hold_a_bounded_number_of_bytes(stuck):
    request = console_service_pb2.WriteRequest(port="stuck", data=bytes(1_000_000)).SerializeToString()
    before = resident_bytes(stuck)

    def write(_):
        with grpc.insecure_channel(stuck.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                channel.unary_unary(WRITE)(request, timeout=5)
            except grpc.RpcError as error:
                return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        results = list(pool.map(write, range(40)))

    refused = [details for code, details in results if code == grpc.StatusCode.RESOURCE_EXHAUSTED]
    waited = [details for code, details in results if code == grpc.StatusCode.DEADLINE_EXCEEDED]
    assert len(refused) >= 30 and all("4194304 bytes" in details for details in refused), results
    assert len(waited) + len(refused) == 40 and 1 <= len(waited) <= 10, results
    assert resident_bytes(stuck) < before + 60 * MEBIBYTE  # all forty on the way at once, and then four
