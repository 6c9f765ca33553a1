"""The files of the tree that a check may look at: no build output, no version control."""
import os

_SKIPPED = {".git", ".cache", "__pycache__", "node_modules"}


def walk(root, suffixes=None):
    """Yields the paths of files under root, relative to it, with forward slashes, sorted."""
    for folder, folders, names in os.walk(root):
        top = os.path.samefile(folder, root)
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not (top and f.startswith("build")))
        for name in sorted(set(names) - _SKIPPED):  # in a worktree, .git is a file
            path = os.path.relpath(os.path.join(folder, name), root)
            if suffixes is None or path.endswith(tuple(suffixes)):
                yield path


def read(root, path):
    """The text of a file, or None if it is not text."""
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None
