"""Reads vserd.example.toml: tables and keys with their values, and the sentences beside them."""
import dataclasses
import re

_HEADING = re.compile(r"^(?P<optional># )?(?P<heading>\[\[?[\w.]+\]\]?)$")
_KEY = re.compile(r'^(?P<optional># )?(?P<name>\w+) *= *(?P<value>"[^"]*"|\[[^]]*\]|\{[^}]*\}|[^#\s]+) *(?:# *(?P<comment>.*))?$')


@dataclasses.dataclass
class Key:
    name: str
    comment: str
    default: str  # empty where the value is an example


@dataclasses.dataclass
class Table:
    heading: str
    comment: str
    keys: list


def read(text):
    """Its tables, each once, in order."""
    tables, comment = {}, []
    table, an_example = None, False  # a table that is commented out as a whole is an example
    for line in text.splitlines():
        if match := _HEADING.match(line):
            table = tables.setdefault(match["heading"], Table(match["heading"], " ".join(comment), []))
            comment, an_example = [], bool(match["optional"])
        elif (match := _KEY.match(line)) and table:
            if match["name"] not in (key.name for key in table.keys):
                default = match["value"] if match["optional"] and not an_example else ""
                table.keys.append(Key(match["name"], match["comment"] or "", default))
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []
    return list(tables.values())
