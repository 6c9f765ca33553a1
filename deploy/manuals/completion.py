"""Completions for bash and zsh. Names of ports come from the server, where it answers within a moment."""

_FILES = {"FILE"}
_PORT_NAMES = "vserctl --timeout 1s ports --json 2>/dev/null"
_BASH = r"""# bash completion for {name}; made from its --help
_{name}_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }}

_{name}()
{{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command='' word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {commands}) command=$word && break ;; esac
    done
    case $previous in
        {file_options}) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
        {value_options}) return ;;
    esac
    case $command,$current in
{cases}
    esac
}}
complete -o filenames -F _{name} {name}
"""


def names(entries):
    return [name for entry in entries for name in entry.names]


def _port_words():
    return "$(" + _PORT_NAMES + r""" | tr '{},' '\n' | sed -n 's/^"name":"\([^"]*\)".*/\1/p')"""


def _takes_port(command):
    return any(entry.names[0] == "PORT" for entry in command.positionals)


def _takes_file(command):
    return not _takes_port(command) and any(entry.names[0] in _FILES for entry in command.positionals)


def bash(program):
    everything = [*program.options, *(option for command in program.commands for option in command.options)]
    with_value = [option for option in everything if option.argument]
    files = sorted(set(names(option for option in with_value if option.argument in _FILES)))
    values = sorted(set(names(option for option in with_value if option.argument not in _FILES)) - set(files))
    cases = []
    for command in program.commands:
        options = " ".join(dict.fromkeys(names([*command.options, *program.options])))
        cases.append(f"        {command.name},-*) _{program.name}_words '{options}' ;;")
        if _takes_file(command):
            cases.append(f'        {command.name},*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;')
        elif _takes_port(command):
            cases.append(f'        {command.name},*) _{program.name}_words "{_port_words()}" ;;')
    cases.append(f"        ,-*) _{program.name}_words '{' '.join(names(program.options))}' ;;")
    cases.append(f"        ,*) _{program.name}_words '{' '.join(command.name for command in program.commands)}' ;;")
    return _BASH.format(name=program.name, commands="|".join(command.name for command in program.commands),
                        file_options="|".join(files), value_options="|".join(values), cases="\n".join(cases))


def _zsh_text(text):
    return text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _zsh_option(option):
    action = ""
    if option.argument:
        action = f":{_zsh_text(option.argument.lower())}:" + ("_files" if option.argument in _FILES else "")
    exclusive = "(" + " ".join(option.names) + ")"
    return [f"'{exclusive}{name}[{_zsh_text(option.text)}]{action}'" for name in option.names]


def _zsh_arguments(part):
    words = [word for option in part.options for word in _zsh_option(option)]
    if _takes_port(part):
        words.append("'*:port:_vser_ports'")
    elif _takes_file(part):
        words.append("'*:file:_files'")
    return words


def zsh(program):
    lines = [f"#compdef {program.name}", f"# zsh completion for {program.name}; made from its --help", "",
             "_vser_ports() {", "    local -a ports", f'    ports=(${{(f)"{_port_words()}"}})', "    compadd -a ports", "}", "",
             f"_{program.name}() {{", "    local context state line", "    typeset -A opt_args", "    local -a commands", "    commands=("]
    lines += [f"        '{command.name}:{_zsh_text(command.summary)}'" for command in program.commands]
    lines += ["    )", "    _arguments -C \\"]
    lines += [f"        {word} \\" for word in _zsh_arguments(program)]
    lines += ["        '1: :->command' '*:: :->arguments'", "    case $state in", "        command) _describe command commands ;;",
              "        arguments)", "            case $line[1] in"]
    for command in program.commands:
        lines.append(f"                {command.name}) _arguments \\")
        lines += [f"                    {word} \\" for word in _zsh_arguments(command)]
        lines += ["                    ;;"]
    lines += ["            esac ;;", "    esac", "}", "", f'_{program.name} "$@"']
    return "\n".join(lines)
