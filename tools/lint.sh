# shellcheck shell=bash disable=SC2154 # setup.sh sets $buf
# Checks that read the sources. Each counts as one test.

sources() { find server clients tests -type f \( -name '*.hpp' -o -name '*.cpp' \) | sort; }

format() { sources | xargs -r clang-format -i; }

check_format() { sources | xargs -r clang-format --dry-run -Werror; }

scripts() {
    printf '%s\n' dev .ci/run
    find tools tests deploy clients kmod -type f -name '*.sh'
    grep -rlE --include='*' '^#!(/bin/|/usr/bin/env )(ba)?sh' tools tests deploy clients kmod | grep -v '\.sh$' || true
}

check_scripts() { scripts | sort -u | xargs shellcheck -x -S warning; }

check_protos() {
    if [ ! -x "$buf" ]; then
        say 'buf is not here (see ./dev setup)'
        return 77
    fi
    (cd proto && "$buf" lint)
}

# Needs the generated protos and compile_commands.json of the debug build.
check_tidy() { python3 -B tests/tidy/clang_tidy.py build/debug "$@"; }

lint_quick() {
    check 'lint: clang-format' check_format || true
    check 'lint: shellcheck' check_scripts || true
    check 'lint: buf' check_protos || true
}

lint() {
    setup
    lint_quick
    if build debug; then check 'lint: clang-tidy' check_tidy "$@" || true; else tally 0 1 0; fi
    summary
}
