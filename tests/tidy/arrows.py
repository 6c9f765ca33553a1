"""Which folder of the server may include which other one, and which third party belongs to which layer.

An include against the arrows turns a layer into two halves that cannot be built or tested apart, so it fails here.
"""
import re

import files

# folder -> what it may include besides itself: folders, or single headers where the arrow is narrower than a folder
ALLOWED = {
    "base": set(),
    # text in, lines out
    "search": {"base"},
    # values about the fleet
    "roster": {"base"},
    "io": {"base"},
    "line": {"base"},
    # files that hold what one port received and sent: values in, lines out
    "capture": {"line/settings.hpp", "base"},
    "sim": {"capture", "line", "base"},
    # device.cpp opens every kind of line, so it is the one place that sees the simulator
    "port": {"sim/sim_line.hpp", "sim/sim_spec.hpp", "line", "io", "base"},
    # the byte log stores events and the line's last status: values only
    "log": {"port/event.hpp", "line/line.hpp", "line/settings.hpp", "base"},
    # files of the byte log's items: values only
    "archive": {"log/byte_log_items.hpp", "log/moment.hpp", "log/packed_settings.hpp", "port/event.hpp",
                "line/settings.hpp", "capture", "base"},
    "restart": {"log", "port", "line", "base"},
    # decisions only: no sockets, no ports
    "access": {"base"},
    "hub": {"access", "archive", "restart", "log", "port", "line", "io", "base"},
    "net": {"io", "base"},
    # files of a private CA
    "pki": {"net/pem.hpp", "base"},
    # values, and how they are written; no machinery
    "config": {"access", "base", "line/settings.hpp", "sim/sim_spec.hpp"},
    # text of other servers' files in, values of the configuration out
    "import": {"config", "line/settings.hpp", "base"},
    "metrics": {"net", "hub", "log", "port", "io", "base"},
    # a face reaches ports through a Session only, never through the hub and its channels
    "rpc": {"net", "access", "search", "roster", "hub/calls.hpp", "hub/client.hpp", "hub/session.hpp", "hub/port_handle.hpp", "hub/port_watcher.hpp", "hub/sink.hpp",
            "hub/delivery_histogram.hpp", "log", "port", "line", "io", "base"},
    "tcp": {"net", "access", "hub/client.hpp", "hub/session.hpp", "hub/port_handle.hpp", "hub/port_watcher.hpp", "hub/sink.hpp",
            "hub/delivery_histogram.hpp", "log", "port", "line", "io", "base"},
    "web": {"net", "access", "roster", "hub/calls.hpp", "hub/client.hpp", "hub/session.hpp", "io", "base"},
    # an outside party: etcd
    "fleet": {"roster", "net", "hub/session.hpp", "hub/client.hpp", "hub/port_handle.hpp", "hub/port_watcher.hpp", "port", "io", "base"},
    "app": {"rpc", "web", "fleet", "roster", "access", "archive", "capture", "sim/sim_spec.hpp", "tcp", "metrics", "import", "pki", "config", "net", "hub", "restart", "log", "port", "line", "io", "base"},
}

# How a third party's include begins -> the folders of the server where it belongs
THIRD_PARTIES = {
    "liburing": {"io"},
    "aio.h": {"io"},
    "vser_uapi.h": {"line"},
    "openssl/": {"access", "net", "pki", "tcp", "metrics", "web"},
    "cjose/": {"access"},
    "jansson": {"access", "capture"},
    "re2/": {"search"},
    "grpc/": {"rpc", "fleet"},
    "grpcpp/": {"rpc", "fleet"},
    "absl/": {"rpc"},
    "google/protobuf": {"rpc", "web", "fleet"},
    "vser/v1/": {"rpc", "web", "fleet"},
    "etcd/": {"fleet"},
    "google/rpc": {"rpc", "web"},
    "prometheus/": {"metrics"},
    "boost/beast": {"metrics", "web"},
    "toml++": {"config"},
    "yaml.h": {"import"},
    "zstd": {"archive"},
    "systemd/": {"app"},
    "CLI/": {"app"},
    "spdlog/": {"app"},
}

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def folder_of(path):
    """'server/io/loop.cpp' -> 'io'; '' for a file directly in server/."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def _fault(folder, target):
    for prefix, homes in THIRD_PARTIES.items():
        if target.startswith(prefix) and folder not in homes:
            return f"<{target}> belongs to {', '.join(sorted(homes))} only"
    first = target.split("/")[0]
    if first == folder or first not in ALLOWED or "/" not in target:
        return None
    if first in ALLOWED[folder] or target in ALLOWED[folder]:
        return None
    return f'"{target}" points against the arrows: {folder} may include {", ".join(sorted(ALLOWED[folder])) or "nothing"}'


def check(root):
    """Returns one message for each include that the architecture does not allow."""
    faults = []
    for path in files.walk(root, (".hpp", ".cpp", ".h")):
        if not path.startswith("server/"):
            continue
        folder = folder_of(path)
        if not folder:
            faults.append(f"{path}: belongs in a folder of server/")
            continue
        if folder not in ALLOWED:
            faults.append(f"{path}: server/{folder} is not a layer; add it to tests/tidy/arrows.py with its arrows")
            continue
        text = files.read(root, path) or ""
        for match in _INCLUDE.finditer(text):
            fault = _fault(folder, match.group(2))
            if fault:
                line = text.count("\n", 0, match.start(2)) + 1
                faults.append(f"{path}:{line}: {fault}")
        if path.endswith(".hpp") and "#pragma once" not in text:
            faults.append(f"{path}:1: has no #pragma once")
    return faults
