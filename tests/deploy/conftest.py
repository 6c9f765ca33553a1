"""Where the files of deploy/ and the tools that read them are."""
import os
import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BUILD = pathlib.Path(os.environ["VSERD_BUILD_DIR"])
CACHE = pathlib.Path(os.environ.get("VSERD_CACHE") or pathlib.Path.home() / ".cache" / "vserd")


def prometheus_tool(name):
    """The path of prometheus or promtool: ./dev setup unpacks Debian's package into the cache, or it is installed."""
    path = shutil.which(name, path=f"{CACHE}/prometheus/usr/bin:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"there is no {name}; ./dev setup fetches it where Debian's packages are reached")
    return path
