#!/usr/bin/env python3
"""clang_tidy.py BUILD [FOLDER...]: clang-tidy over the sources of each folder, with the flags of BUILD/compile_commands.json.

Nearly all of clang-tidy's time goes into the headers of gRPC and Asio, so all sources of a folder are read as one file:
minutes instead of half an hour. Sources that do not go together (two unnamed namespaces with one name) are read again alone, and so
is a source that CMake compiles apart from its folder's.
"""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = ["clang-tidy-14", "--quiet"]
FOLDERS = ("server/", "clients/cpp/")
ERROR_IN = re.compile(r"^(/[^:\n]+):\d+:\d+: error: .*\[clang-diagnostic-error\]", re.MULTILINE)
NOISE = re.compile(r"^(?:\d+ warnings? (?:and \d+ errors? )?generated\.|Suppressed .*|Use -header-filter.*)\n", re.MULTILINE)


def sources_of(entry):
    """The source of an entry; those that it includes if CMake made it to compile a library as one unit."""
    source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
    if not re.fullmatch(r"unity_\d+_cxx\.cxx", os.path.basename(source)):
        return [source]
    with open(source, encoding="utf-8") as file:
        return re.findall(r'^#include "(.+)"$', file.read(), re.MULTILINE)


def groups_of(build, wanted):
    """folder -> {source: flags} for every source of ours in the compilation database, and the sources that are compiled alone."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    groups, alone = {}, set()
    for entry, sources in ((entry, sources_of(entry)) for entry in entries):
        if len(sources) == 1:
            alone.update(sources)
        for source in sources:
            path = os.path.relpath(source, ROOT)
            folder = os.path.dirname(path)
            if path.startswith(FOLDERS) and (not wanted or folder in wanted):
                groups.setdefault(folder, {})[source] = flags_of(entry)
    return groups, alone


def flags_of(entry):
    """What decides how the source is read: include folders, definitions, the standard."""
    words, flags = iter(shlex.split(entry["command"])), []
    for word in words:
        if word in ("-isystem", "-I"):
            flags += [word, next(words)]
        elif word.startswith(("-I", "-D", "-std=")):
            flags.append(word)
    return flags


def tidy(work, name, sources):
    """Runs clang-tidy on all sources as one; returns (status, output)."""
    unit = os.path.join(work, name + ".cpp")
    with open(unit, "w", encoding="utf-8") as file:
        file.writelines(f'#include "{source}"\n' for source in sorted(sources))
    flags = []
    for of_source in sources.values():
        pairs = iter(of_source)
        for word in pairs:
            flag = [word, next(pairs)] if word in ("-isystem", "-I") else [word]
            if not any(flags[i:i + len(flag)] == flag for i in range(len(flags))):
                flags += flag
    done = subprocess.run([*COMMAND, unit, "--", *flags], text=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.returncode, NOISE.sub("", done.stdout)


def tidy_folder(work, folder, sources, alone):
    name = folder.replace("/", "_")
    apart = alone & set(sources)
    if not apart or apart == set(sources):
        status, output = tidy(work, name, sources)
        apart = set(ERROR_IN.findall(output)) & set(sources)
        if not apart or len(sources) == 1:
            return status, output
    status, output = tidy_folder(work, folder, {s: f for s, f in sources.items() if s not in apart}, alone) if apart != set(sources) \
        else (0, "")
    for source in sorted(apart):
        alone = tidy(work, name + "_" + os.path.basename(source)[:-4], {source: sources[source]})
        status, output = status or alone[0], output + alone[1]
    return status, output


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    work = os.path.join(arguments[0], "tidy")
    os.makedirs(work, exist_ok=True)
    groups, alone = groups_of(arguments[0], {folder.rstrip("/") for folder in arguments[1:]})
    if not groups:
        print("no source of ours in", arguments[0], file=sys.stderr)
        return 2
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        by_size = sorted(groups, key=lambda folder: -len(groups[folder]))
        for folder, (status, output) in zip(by_size, pool.map(lambda f: tidy_folder(work, f, groups[f], alone), by_size)):
            print(f"{'ok' if status == 0 else 'FAILED'}: {folder}, {len(groups[folder])} sources", flush=True)
            if status:
                print(output, flush=True)
            failed += status != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
