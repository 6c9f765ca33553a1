"""A vserd that serves the page, and devices for it that can be unplugged."""
import os
import pty
import tty

from vserd_process import Daemon, free_port

ECHO = """
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
"""
CONSOLE = """
[[port]]
name = "console"
description = "a small device at a prompt"
device = "sim:console?id=console"
"""


class WebDaemon(Daemon):
    """A vserd with [web]. `more`: further tables."""

    def __init__(self, folder, ports, more="", scheme="http", **rest):
        self.web = f"127.0.0.1:{free_port()}"
        self.url = f"{scheme}://{self.web}/"
        tls = "tls = true\n" if scheme == "https" else ""
        super().__init__(folder, ports, history=f'[web]\nlisten = ["{self.web}"]\n{tls}{more}', **rest)


class Plug:
    """A link to a pseudo terminal, which the daemon opens. Without its terminal it is an unplugged device."""

    def __init__(self, path):
        self.path = path
        self.plug()

    def plug(self):
        self.master, follower = pty.openpty()
        tty.setraw(follower)
        os.symlink(os.ttyname(follower), self.path)
        os.close(follower)

    def send(self, data):
        while data:
            data = data[os.write(self.master, data):]

    def unplug(self):
        os.unlink(self.path)
        os.close(self.master)
