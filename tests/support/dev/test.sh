# shellcheck shell=bash disable=SC2154 # ui.sh sets $step_note
# ./dev test: everything that proves the project, and the sum of it on the last line.

# run_ctest PRESET LABELS: LABELS is a regular expression.
run_ctest() {
    rm -rf "build/$1/results"
    mkdir -p "build/$1/results"
    local status=0
    ctest --test-dir "build/$1" -L "^($2)$" -j "$(nproc)" --no-tests=error --output-on-failure \
        --output-junit "$PWD/build/$1/results/ctest.junit" || status=$?
    python3 -B tests/support/dev/count.py "build/$1/results" >"$step_note"
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

# The driver, and the daemon on the driver, in a real kernel. The virtual machine keeps one processor busy at most, so it
# runs beside what compiles.
kmod_log=build/logs/kmod-beside.log kmod_status=build/logs/kmod-beside.status kmod_pid=''
start_kmod() {
    mkdir -p build/logs
    rm -f "$kmod_status"
    {
        local status=0
        tests/kmod/run >"$kmod_log" 2>&1 </dev/null || status=$?
        echo $status >"$kmod_status"
    } &
    kmod_pid=$!
    trap 'pkill -TERM -P "$kmod_pid" || true' EXIT
}

await_kmod() {
    while [ ! -s "$kmod_status" ] && kill -0 "$kmod_pid"; do sleep 0.5; done
    cat "$kmod_log"
    return "$(cat "$kmod_status" || echo 1)"
}

# Its last line tells its counts.
test_kmod() {
    local status=0 counts
    step 'kmod: tests in a virtual machine' await_kmod || status=$?
    trap - EXIT
    counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' build/logs/kmod-tests-in-a-virtual-machine.log | tail -1) || true
    if [ $status = 77 ]; then
        if [ -n "${CI:-}" ] && [ "${VSERD_ALLOW_SKIP_KMOD:-}" != 1 ]; then
            say '    counted as a failure, for this is CI; VSERD_ALLOW_SKIP_KMOD=1 allows it'
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

# test_all [LABEL...]: with labels (unit, contract, integration, client, deploy, tidy), only these in the debug build.
test_all() {
    local labels='unit|contract|integration|client|deploy|tidy'
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
        start_kmod
        sanitized asan
        sanitized tsan
        check 'lint: clang-tidy' check_tidy || true
    else
        tally 0 1 0
        start_kmod
    fi
    test_kmod
    summary
}
