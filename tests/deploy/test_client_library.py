"""The C++ client library as the package vserd-client-dev installs it: programs outside the tree compile, link and run."""
import os
import re
import subprocess

import pytest
from conftest import BUILD, ROOT
from vserd_process import PATIENCE_SECONDS, Daemon

CLIENTS = ROOT / "clients" / "cpp"
EXAMPLE = CLIENTS / "examples" / "ask.cpp"
PORT = """
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
"""


def run(*command, fails=False, **popen):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **popen)
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--component", "vserd-client-dev", "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = Daemon(tmp_path_factory.mktemp("vserd"), PORT)
    yield started
    started.stop()


def check_example(program, daemon):
    """It works: the port answers, and an error of the server reaches the program."""
    assert run(program, daemon.address, "echo", "hello", "hello", timeout=PATIENCE_SECONDS).startswith("hello")
    assert 'no port "ekho"' in run(program, daemon.address, "ekho", "hello", "hello", fails=True, timeout=PATIENCE_SECONDS)


def test_a_cmake_project_finds_the_library_and_works(prefix, daemon, tmp_path):
    run("cmake", "-S", prefix / "share/doc/vserd-client-dev/examples", "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path)
    check_example(tmp_path / "ask", daemon)


def test_pkg_config_gives_the_flags_of_a_program_that_works(prefix, daemon, tmp_path):
    folder, = prefix.glob("lib/**/pkgconfig")
    flags = run("pkg-config", "--cflags", "--libs", "vserd_client", env=dict(os.environ, PKG_CONFIG_PATH=str(folder))).split()
    run("g++", EXAMPLE, "-o", tmp_path / "ask", *flags)
    check_example(tmp_path / "ask", daemon)


def test_another_minor_version_is_not_found(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(later LANGUAGES CXX)\nfind_package(vserd_client 0.2 REQUIRED)\n")
    output = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", fails=True)
    assert re.search(r"vserd_clientConfig\.cmake, version: 0\.1\.0", output), output


def test_each_installed_header_compiles_alone_and_includes_no_third_party(prefix):
    headers = sorted((prefix / "include").rglob("*.hpp"))
    assert {header.name for header in headers} == {
        "vser_client.hpp", "cancellation.hpp", "client.hpp", "console.hpp", "fleet.hpp", "label_selector.hpp", "pending_call.hpp", "result.hpp", "stream.hpp", "types.hpp"}
    for header in headers:
        opened = run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-H", "-fsyntax-only", "-x", "c++", f"-I{prefix}/include", "-include",
                     header, os.devnull)
        assert not re.search(r"/(grpc|grpcpp|google|absl|vser/v1)/", opened), f"{header}: {opened}"


def test_vserctl_and_the_example_use_public_headers_only():
    for source in (*CLIENTS.glob("vserctl/*"), EXAMPLE):
        for name in re.findall(r'#include "(vser_client[^"]*)"', source.read_text(encoding="utf-8")):
            assert (CLIENTS / "include" / name).is_file(), f"{source} includes {name}, which is not installed"


def test_the_readme_shows_the_example_as_it_is():
    blocks = re.findall(r"^```cpp\n(.*?)^```$", (CLIENTS / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert block in EXAMPLE.read_text(encoding="utf-8")
