# shellcheck shell=bash disable=SC2154 # ui.sh sets $step_note and $step_failures
# ./dev test: everything that proves the project, and the sum of it on the last line.

# run_ctest PRESET LABELS: LABELS is a regular expression.
run_ctest() {
    rm -rf "build/$1/results"
    mkdir -p "build/$1/results"
    local status=0
    # shellcheck disable=SC2154 # setup.sh sets $cache, where our grpcurl is
    PATH=$PATH:$cache/bin ctest --test-dir "build/$1" -L "^($2)$" -j "$(nproc)" --no-tests=error --output-on-failure \
        --output-junit "$PWD/build/$1/results/ctest.junit" || status=$?
    python3 -B tools/count.py "build/$1/results" >"$step_note"
    if [ $status != 0 ]; then python3 -B tools/failures.py "build/$1/results" "$1" >"$step_failures"; fi
    return $status
}

# suite PRESET LABELS: runs the tests and counts their cases.
suite() {
    local status=0 counts
    step "$1: tests (${2//|/, })" run_ctest "$1" "$2" || status=$?
    counts=$(head -1 "$step_note" 2>/dev/null) || true
    if [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        tally "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
        if [ $status != 0 ] && [ "${BASH_REMATCH[2]}" = 0 ]; then tally 0 1 0; fi
    else
        tally 0 1 0
    fi
    return $status
}

# sanitized PRESET: only what runs there is compiled there.
sanitized() {
    if build "$1" vserd_unit_tests vserd_contract_tests; then
        suite "$1" 'unit|contract' || true
    else
        tally 0 1 0
    fi
}

# Whole systems in virtual machines: kmod is the driver, and the daemon on it; power is the archive through power losses. Each keeps one processor busy at most, so they
# run one after another beside what compiles.
machines=(kmod power) machines_pid=''
start_machines() {
    mkdir -p build/logs
    rm -f build/logs/machine-*.status
    {
        for machine in "${machines[@]}"; do
            local status=0
            "tests/$machine/run" >"build/logs/machine-$machine.log" 2>&1 </dev/null || status=$?
            echo $status >"build/logs/machine-$machine.status"
        done
    } &
    machines_pid=$!
    trap stop_machines EXIT
}

stop_machines() {
    local children
    children=$(pgrep -P "$machines_pid") || true
    # shellcheck disable=SC2086 # none or one
    kill "$machines_pid" $children 2>/dev/null || true
}

await_machine() {
    local status=build/logs/machine-$1.status
    while [ ! -s "$status" ] && kill -0 "$machines_pid"; do sleep 0.5; done
    cat "build/logs/machine-$1.log"
    return "$(cat "$status" || echo 1)"
}

# test_machine MACHINE TITLE. The last line of its log has its counts.
test_machine() {
    local status=0 counts
    step "$2" await_machine "$1" || status=$?
    counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "build/logs/machine-$1.log" | tail -1) || true
    if [ $status = 77 ]; then
        if [ -n "${CI:-}" ] && [ "${VSERD_ALLOW_SKIP_VM:-}" != 1 ]; then
            say '    counted as a failure, for this is CI; VSERD_ALLOW_SKIP_VM=1 allows it'
            tally 0 1 0
        else
            tally 0 0 1
        fi
    elif [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
        tally "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:-0}"
        if [ $status != 0 ] && [ "${BASH_REMATCH[2]}" = 0 ]; then tally 0 1 0; fi
    else
        tally $((status == 0)) $((status != 0)) 0
    fi
}

# test_all [LABEL...]: with labels (unit, contract, integration, client, abuse, deploy, tidy), only these in the debug build.
test_all() {
    local labels='unit|contract|integration|client|abuse|deploy|tidy'
    use_ci_presets
    setup
    if [ $# -gt 0 ]; then
        build debug || tally 0 1 0
        suite debug "$(IFS='|' && printf '%s' "$*")" || true
        summary
        return
    fi
    lint_quick
    if build debug; then
        suite debug "$labels" || true
        start_machines
        sanitized asan
        sanitized tsan
        check 'lint: clang-tidy' check_tidy || true
    else
        tally 0 1 0
        start_machines
    fi
    test_machine kmod 'kmod: the driver in a virtual machine'
    test_machine power 'power: the archive through replayed power losses'
    trap - EXIT
    summary
}
