#!/usr/bin/env python3
"""first_run.py ROOT.tar: `./dev run` in a bare Debian, without caches, as the README says it; and the recipes of the README from outside.

Prints how long it took until vserd served, until grpcurl was there, and until it served when nothing had changed. The test
shares this machine's network, so the default ports must be free.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/support"))
import recipes as page  # noqa: E402

CHECKOUT = "root/vserd"
ADDRESSES = (("127.0.0.1", 50051), ("127.0.0.1", 9464), ("127.0.0.1", 7002))
SERVING_SECONDS_MAX = 1200  # a busy machine; what is aimed for is in the README
GRPCURL_SECONDS_MAX = 900
AGAIN_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
RECIPES = ("list", "attach", "baud", "metrics", "vserctl")
# How packages are reached from this machine. Nothing else of it is known in the root.
CONFIGURATION = ("etc/resolv.conf", "etc/hosts", "usr/local/share/ca-certificates", "etc/ssl/certs/ca-certificates.crt")
ENVIRONMENT = ("http_proxy", "https_proxy", "no_proxy", "GOPROXY", "GONOSUMDB", "GOFLAGS", "SSL_CERT_FILE")


def unpack(archive, root):
    subprocess.run(["tar", "-xf", archive, "-C", root], check=True)
    for path in CONFIGURATION:
        source, target = pathlib.Path("/", path), root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            target.unlink(missing_ok=True)
            shutil.copy(source, target)


def copy_checkout(target):
    """What git has or would take: no build, no cache."""
    target.mkdir(parents=True)
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TREE, check=True,
                           stdout=subprocess.PIPE).stdout.split(b"\0")
    files = [name for name in names if name and os.path.lexists(os.path.join(os.fsencode(TREE), name))]
    packed = subprocess.Popen(["tar", "-c", "--null", "-T", "-"], cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    feeder = threading.Thread(target=lambda: (packed.stdin.write(b"\0".join(files)), packed.stdin.close()))
    feeder.start()
    subprocess.run(["tar", "-x", "-C", target], stdin=packed.stdout, check=True)
    feeder.join()
    assert packed.wait() == 0


class Run:
    """`./dev run` in the root, with processes of its own; what it says comes line by line."""

    def __init__(self, root):
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        environment |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        command = ["unshare", "-mpf", "--kill-child", f"--mount-proc={root}/proc", "chroot", root,
                   "bash", "-c", f"cd /{CHECKOUT} && exec ./dev run"]
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self._said, self._changed = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            print(f"    | {line}", end="", flush=True)
            with self._changed:
                self._said.append(line)
                self._changed.notify_all()
        with self._changed:
            self._said.append(None)
            self._changed.notify_all()

    def seconds_until(self, seconds_max, *words):
        """When a line with one of the words came, in seconds from the start, and that line."""
        at = 0
        with self._changed:
            while True:
                while at < len(self._said):
                    line = self._said[at]
                    if line is None:
                        raise SystemExit("./dev run ended")
                    if any(word in line for word in words):
                        return time.monotonic() - self.began, line
                    at += 1
                if not self._changed.wait(max(0, self.began + seconds_max - time.monotonic())):
                    raise SystemExit(f"not within {seconds_max} s: {' or '.join(words)}")

    def stop(self):
        """Ctrl-C: the signal goes to vserd, which is the only process of the session that is left in the foreground."""
        pids = subprocess.run(["pgrep", "-x", "vserd", "-s", str(self.process.pid)], check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        for pid in pids:
            os.kill(int(pid), signal.SIGINT)
        return self.process.wait(STOP_SECONDS_MAX)


@contextlib.contextmanager
def dev_run(root):
    run = Run(root)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
            run.process.wait()


def check_from_outside(root):
    """The recipes that need no more than a running vserd, with the programs that were built in the root."""
    _, recipes, replies = page.blocks(TREE / "README.md")
    folder = root / "root"
    path = f"{root}/{CHECKOUT}/build/release/bin:{folder}/.cache/vserd/bin:{os.environ['PATH']}"
    found = [recipe for recipe in recipes if recipe[0] in RECIPES]
    assert len(found) == len(RECIPES), f"README.md has lost one of the recipes {RECIPES}"
    # The history that some replies show is the README's earlier recipes'.
    replies = {name: reply for name, reply in replies.items() if name not in ("metrics", "vserctl")}
    for name, flags, script in found:
        done = subprocess.run(["bash", "-euc", script], env={**os.environ, "PATH": path}, cwd=folder, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        fault = page.fault_of(name, flags, done.returncode, done.stdout, replies)
        if fault:
            raise SystemExit(f"{name}: {fault}\n{done.stdout}")
        if name == "metrics" and 'vserd_port_up{port="console"} 1' not in done.stdout:
            raise SystemExit(f"metrics: the console is not up\n{done.stdout}")
        print(f"ok: {name}", flush=True)
    with socket.create_connection(("127.0.0.1", 7002), 60) as telnet:
        telnet.sendall(b"\r\n")
        got = b""
        while b"sim>" not in got:
            piece = telnet.recv(4096)
            if not piece:
                raise SystemExit(f"telnet: the connection ended after {got!r}")
            got += piece
    print("ok: telnet", flush=True)


def taken_address():
    for address in ADDRESSES:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError:
                return "%s:%d" % address
    return None


def note(text):
    print(text, flush=True)
    if "step_note" in os.environ:
        pathlib.Path(os.environ["step_note"]).write_text(text + "\n")


def main():
    taken = taken_address()
    if taken:
        raise SystemExit(f"{taken} is in use; stop what listens there, because ./dev run serves there")
    root = pathlib.Path(tempfile.mkdtemp(prefix="first-run-"))
    try:
        unpack(sys.argv[1], root)
        copy_checkout(root / CHECKOUT)
        with dev_run(root) as run:
            cold, _ = run.seconds_until(SERVING_SECONDS_MAX, " serving ")
            grpcurl, line = run.seconds_until(cold + GRPCURL_SECONDS_MAX, "grpcurl is ready", "grpcurl could not be built")
            if "ready" not in line:
                raise SystemExit("grpcurl could not be built in the root")
            check_from_outside(root)
            if (status := run.stop()) != 0:
                raise SystemExit(f"after SIGINT, ./dev run ended with {status}")
        with dev_run(root) as run:
            again, _ = run.seconds_until(AGAIN_SECONDS_MAX, " serving ")
            run.stop()
        note(f"serving after {cold:.0f} s, grpcurl after {grpcurl:.0f} s, the second time serving after {again:.1f} s")
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
