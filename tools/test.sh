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

# Jobs run beside what is in the foreground, those of a chain one after another; job_NAME is what one does. Most tests wait for
# something nearly all the time, so the builds that come later have the processors meanwhile.
chains=()
start_chain() {
    mkdir -p build/logs
    local job
    for job in "$@"; do rm -f "build/logs/job-$job.status"; done
    run_chain "$@" &
    chains+=($!)
    trap stop_chains EXIT
}

run_chain() {
    local job status started
    for job in "$@"; do
        status=0 started=$SECONDS
        "job_$job" >"build/logs/job-$job.log" 2>&1 </dev/null || status=$?
        echo "$status $((SECONDS - started))" >"build/logs/job-$job.new"
        mv "build/logs/job-$job.new" "build/logs/job-$job.status"
    done
}

stop_chains() {
    local chain
    for chain in "${chains[@]}"; do kill_tree "$chain"; done
}

kill_tree() {
    local child
    for child in $(pgrep -P "$1"); do kill_tree "$child"; done
    kill "$1" 2>/dev/null || true
}

# await_job NAME: its output and its status, once it has ended.
await_job() {
    local file=build/logs/job-$1.status status='' took=0
    while [ ! -s "$file" ] && kill -0 "${chains[@]}" 2>/dev/null; do sleep 0.5; done
    cat "build/logs/job-$1.log"
    read -r status took <"$file" || status=1
    echo "$took s beside others, then awaited" >"$step_note"
    return "$status"
}

# The processors go to others first, from now on and in this shell.
give_way() { chrt --idle --pid 0 "$BASHPID" || renice -n 19 "$BASHPID" || true; }

# Whole systems in virtual machines: kmod is the driver, and the daemon on it; power is the archive through power losses. Each keeps
# one processor busy at most.
job_kmod() { tests/kmod/run; }
job_power() { tests/power/run; }

# compile PRESET: only what runs under a sanitizer is compiled with it.
sanitized_programs=(vserd_unit_tests vserd_contract_tests)
compile() {
    give_way
    if [ ! -f "build/$1/build.ninja" ]; then cmake --preset "$preset_prefix$1" || return 1; fi
    cmake --build "build/$1" -j "$(nproc)" --target "${sanitized_programs[@]}"
}
job_asan() { compile asan; }
job_tsan() { compile tsan; }
job_tidy() {
    give_way
    check_tidy
}

sanitized() {
    if step "$1: build ${sanitized_programs[*]}" await_job "$1"; then
        suite "$1" 'unit|contract' || true
    else
        tally 0 1 0
    fi
}

# test_machine MACHINE TITLE. The last line of its log has its counts.
test_machine() {
    local status=0 counts
    step "$2" await_job "$1" || status=$?
    counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "build/logs/job-$1.log" | tail -1) || true
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
        start_chain asan tsan tidy
        suite debug "$labels" || true
        start_chain kmod power
        sanitized asan
        sanitized tsan
        check 'lint: clang-tidy' await_job tidy || true
    else
        tally 0 1 0
        start_chain kmod power
    fi
    test_machine kmod 'kmod: the driver in a virtual machine'
    test_machine power 'power: the archive through replayed power losses'
    trap - EXIT
    summary
}
