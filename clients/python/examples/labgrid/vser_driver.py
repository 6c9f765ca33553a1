"""A labgrid resource and driver for a port of vserd. Needs `vser` and pyserial, which labgrid installs."""

import attr
import serial
from labgrid.driver.common import Driver
from labgrid.driver.consoleexpectmixin import ConsoleExpectMixin
from labgrid.factory import target_factory
from labgrid.protocol import ConsoleProtocol
from labgrid.resource import Resource
from pexpect import TIMEOUT

import vser.urlhandler  # registers vser:// with pyserial

assert vser.urlhandler.__name__ in serial.protocol_handler_packages


@target_factory.reg_resource
@attr.s(eq=False)
class VserPort(Resource):
    """`url`: vser://HOST:PORT/NAME, with the options of vser.urlhandler."""

    url = attr.ib(validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class VserDriver(ConsoleExpectMixin, Driver, ConsoleProtocol):
    """A console, as labgrid's ShellDriver, UBootDriver and others use it."""

    bindings = {"port": VserPort}  # noqa: RUF012

    txdelay = attr.ib(default=0.0, validator=attr.validators.instance_of(float))
    txchunk = attr.ib(default=1, validator=attr.validators.instance_of(int))

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self.serial = serial.serial_for_url(self.port.url, do_not_open=True)

    def on_activate(self):
        self.serial.open()

    def on_deactivate(self):
        self.serial.close()

    def _read(self, size=1, timeout=0.0, max_size=None):
        wanted = max(size, self.serial.in_waiting)
        self.serial.timeout = timeout
        received = self.serial.read(min(wanted, max_size) if max_size else wanted)
        if not received:
            raise TIMEOUT(f"no byte within {timeout:.2f} s")
        return received

    def _write(self, data):
        return self.serial.write(data)
