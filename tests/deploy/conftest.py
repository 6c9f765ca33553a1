"""Where the files of deploy/ and the tools that read them are."""
import os
import pathlib
import shutil

import pytest
from debian import CACHE, ROOT

DEPLOY = ROOT / "deploy"
BUILD = pathlib.Path(os.environ["VSERD_BUILD_DIR"])


def prometheus_tool(name):
    """The path of prometheus or promtool: ./dev setup unpacks Debian's package into the cache, or it is installed."""
    path = shutil.which(name, path=f"{CACHE}/prometheus/usr/bin:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"there is no {name}; ./dev setup fetches it where Debian's packages are reached")
    return path
