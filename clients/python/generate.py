#!/usr/bin/env python3
"""generate.py PROTOC FOLDER: creates a complete package in FOLDER from the sources and the protos.

The build calls it; `pip install FOLDER` installs the result. The google.rpc protos get the package name vser.rpc, because
protobuf's registry is global and other libraries register google.rpc with googleapis-common-protos.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"
ERRORS = ("status", "error_details")
OUR_FILES = ("pyproject.toml", "README.md")


def copy_sources(folder: pathlib.Path) -> None:
    shutil.rmtree(folder / "vser", ignore_errors=True)
    shutil.copytree(HERE / "vser", folder / "vser", ignore=shutil.ignore_patterns("__pycache__"))
    for name in OUR_FILES:
        shutil.copy(HERE / name, folder / name)


def compile_protos(protoc: str, folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch)
        shutil.copytree(PROTO / "vser", source / "vser")
        (source / "vser" / "rpc").mkdir()
        for name in ERRORS:
            text = (PROTO / "google" / "rpc" / f"{name}.proto").read_text(encoding="utf-8")
            (source / "vser" / "rpc" / f"{name}.proto").write_text(text.replace("package google.rpc;", "package vser.rpc;"),
                                                                   encoding="utf-8")
        files = sorted(str(path.relative_to(source)) for path in source.rglob("*.proto"))
        subprocess.run([protoc, f"--proto_path={source}", f"--python_out={folder}", f"--pyi_out={folder}", *files], check=True)
    for package in ("v1", "rpc"):
        (folder / "vser" / package / "__init__.py").touch()


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    copy_sources(folder)
    compile_protos(sys.argv[1], folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
