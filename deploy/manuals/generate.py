#!/usr/bin/env python3
"""generate.py VSERD VSERCTL EXAMPLE FOLDER: manual pages and shell completions, from what the programs say of themselves.

The options and commands are read from --help, the configuration from vserd.example.toml; NAME.more beside this file holds the
sections that neither has, in roff. So a page cannot tell of an option that is not there, or keep one that is gone.
"""
import pathlib
import sys

import completion
import configuration
import helptext
import roff

HERE = pathlib.Path(__file__).resolve().parent


def more(name):
    """The sections written by hand."""
    return (HERE / f"{name}.more").read_text(encoding="utf-8")


def program_page(program, section, name_line):
    """A page for a program: its options, its commands with theirs, its examples."""
    page = [roff.title(program.name, section, program.version), roff.section("NAME"), roff.text(f"{program.name} - {name_line}"),
            roff.section("SYNOPSIS")]
    page += [roff.synopsis(part.usage) for part in (program, *program.commands)]
    page += [roff.section("DESCRIPTION"), more(f"{program.name}.{section}"), roff.section("OPTIONS"), roff.entries(program.options)]
    if program.commands:
        page.append(roff.section("COMMANDS"))
    for command in program.commands:
        page += [roff.subsection(command.usage.removeprefix(program.name + " ")), roff.text(command.summary + ".")]
        page.append(roff.entries([*command.positionals, *(o for o in command.options if "--help" not in o.names)]))
    page.append(roff.section("EXAMPLES"))
    examples = list(dict.fromkeys(line for part in (program, *program.commands) for line in part.examples))
    page += [roff.example(examples), more(f"{program.name}.{section}.end")]
    return roff.page(page)


def configuration_page(tables, version):
    page = [roff.title("vserd.toml", 5, version), roff.section("NAME"), roff.text("vserd.toml - configuration of vserd"),
            roff.section("DESCRIPTION"), more("vserd.toml.5")]
    for table in tables:
        page += [roff.section(table.heading), roff.text(table.comment)] if table.comment else [roff.section(table.heading)]
        for key in table.keys:
            default = f" (default: {key.default})" if key.default else ""
            page.append(roff.entry(key.name, key.comment + default))
    return roff.page([*page, more("vserd.toml.5.end")])


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def main():
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    vserd, vserctl = (helptext.read(pathlib.Path(path)) for path in sys.argv[1:3])
    tables = configuration.read(pathlib.Path(sys.argv[3]).read_text(encoding="utf-8"))
    folder = pathlib.Path(sys.argv[4])
    write(folder, "man/vserd.8", program_page(vserd, 8, "hold serial devices open and serve them over gRPC"))
    write(folder, "man/vserctl.1", program_page(vserctl, 1, "use serial ports over the network"))
    write(folder, "man/vserd.toml.5", configuration_page(tables, vserd.version))
    for program in (vserd, vserctl):
        write(folder, f"bash/{program.name}", completion.bash(program))
        write(folder, f"zsh/_{program.name}", completion.zsh(program))
    return 0


if __name__ == "__main__":
    sys.exit(main())
