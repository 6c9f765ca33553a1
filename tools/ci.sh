# shellcheck shell=bash disable=SC2154 # the other parts set the variables
# ./dev test-release: what a user builds and installs. CI runs it after ./dev test.

# The README's first command where nothing is installed and nothing is cached.
first_run() {
    setup_bare_root || {
        say 'skipped: there is no bare Debian to run it in (root and a package mirror are required)'
        return 77
    }
    /usr/bin/python3 -B tests/deploy/first_run.py "$bare_root"
}

# Debian's blhc reads the commands that build what is shipped. It begins at a line of dpkg-buildpackage. Debug information
# (-g) is not hardening; packages are stripped.
check_hardening() {
    local commands=build/logs/release-commands.log
    {
        echo 'dpkg-buildpackage: info: source package vserd'
        ninja -C build/release -t commands vserd vserctl
    } >"$commands"
    blhc --all --ignore-flag -g --line-numbers "$commands"
}

# The Dockerfile's compile stage on that bare Debian. No registry is asked for the base.
container_compile() {
    local storage status=0
    setup_bare_root || {
        say 'skipped: there is no bare Debian to build on'
        return 77
    }
    storage=$(mktemp -d)
    container_compile_in "$storage" || status=$?
    buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs rm --all >/dev/null
    rm -rf "$storage"
    return $status
}

container_compile_in() {
    local buildah=(buildah --root "$1/root" --runroot "$1/run" --storage-driver vfs) base
    base=$("${buildah[@]}" from scratch) &&
        "${buildah[@]}" add -q "$base" "$bare_root" / &&
        "${buildah[@]}" commit -q "$base" localhost/base &&
        "${buildah[@]}" build --isolation chroot --build-arg BASE=localhost/base --target compile -t localhost/compile .
}

# A skip counts as a failure in CI: there, everything is to be had.
check_in_ci() {
    local status=0
    step "$@" || status=$?
    if [ $status = 77 ] && [ -z "${CI:-}" ]; then tally 0 0 1; else tally $((status == 0)) $((status != 0)) 0; fi
}

test_release() {
    setup
    use_ci_presets
    check_in_ci 'first run: ./dev run in a bare Debian' first_run
    if build release vserd vserctl vserd_manuals vser_python vserd_integration_tests; then
        suite release 'integration|packages' || true  # unit tests run under the sanitizers
        check_in_ci 'release: hardening' check_hardening
    else
        tally 0 1 0
    fi
    check_in_ci 'container: the compile stage of the Dockerfile' container_compile
    summary
}
