"""systemd's place on the system bus, for one service: which job is under way for it. Speaks D-Bus by libsystemd."""
import contextlib
import ctypes
import socket
import threading

FOREVER = ctypes.c_uint64(2**64 - 1)
HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
UNIT, JOB = b"/org/freedesktop/systemd1/unit/vserd_2eservice", b"/org/freedesktop/systemd1/job/7"


class Id(ctypes.Structure):
    """sd_id128_t"""
    _fields_ = [("bytes", ctypes.c_uint8 * 16)]


class SystemdBus:
    """Listens on `path`. `job`: "restart", "stop", or None for no job."""

    def __init__(self, path, job):
        self.job, self.address = job, f"unix:path={path}"
        self.asked = []  # the members that were called
        self._lib = ctypes.CDLL("libsystemd.so.0")
        self._lib.sd_bus_message_get_member.restype = ctypes.c_char_p
        self._handler = HANDLER(self._answer)  # lives as long as the callbacks
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self._serve(self._socket.accept()[0].detach())

    def _serve(self, descriptor):
        lib, bus = self._lib, ctypes.c_void_p()
        lib.sd_bus_new(ctypes.byref(bus))
        lib.sd_bus_set_fd(bus, descriptor, descriptor)
        lib.sd_bus_set_server(bus, 1, Id((ctypes.c_uint8 * 16)(*range(1, 17))))
        lib.sd_bus_set_anonymous(bus, 1)
        lib.sd_bus_add_filter(bus, None, self._handler, None)
        status = lib.sd_bus_start(bus)
        while status >= 0:
            status = lib.sd_bus_process(bus, None)
            if status == 0:
                status = lib.sd_bus_wait(bus, FOREVER)
        lib.sd_bus_flush_close_unref(bus)

    def _answer(self, message, _data, _error):
        lib, call = self._lib, ctypes.c_void_p(message)
        if not lib.sd_bus_message_is_method_call(call, None, None):
            return 0
        member = lib.sd_bus_message_get_member(call)
        self.asked.append(member.decode())
        number = ctypes.c_uint32(7 if self.job else 0)
        if member == b"Hello":
            lib.sd_bus_reply_method_return(call, b"s", b":1.1")
        elif member == b"GetUnitByPID":
            lib.sd_bus_reply_method_return(call, b"o", UNIT)
        elif self._property(call) == b"Job":
            lib.sd_bus_reply_method_return(call, b"v", b"(uo)", number, JOB if self.job else b"/")
        else:
            lib.sd_bus_reply_method_return(call, b"v", b"s", (self.job or "").encode())
        return 1

    def _property(self, call):
        interface, name = ctypes.c_char_p(), ctypes.c_char_p()
        self._lib.sd_bus_message_read(call, b"ss", ctypes.byref(interface), ctypes.byref(name))
        return name.value
