# shellcheck shell=bash disable=SC2034 # the other parts use these variables
# How ./dev talks: one line for each step, its whole output in build/logs, progress only on a terminal.

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
    terminal=1 bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' yellow=$'\e[33m' plain=$'\e[0m'
else
    terminal='' bold='' green='' red='' yellow='' plain=''
fi
passed=0 failed=0 skipped=0
failed_log_lines=80
failures=${VSERD_FAILURES:-build/logs/failures} failures_lines=45

say() { printf '%s\n' "$*"; }
warn() { printf '%s%s%s\n' "$yellow" "warning: $*" "$plain" >&2; }
die() {
    printf '%s%s%s\n' "$red" "error: $*" "$plain" >&2
    exit 1
}

# tally PASSED FAILED SKIPPED: of the last step.
tally() {
    if [ "$2" -gt 0 ]; then note_failures; fi
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Adds what failed in the last step to the file $failures, which several runs share if VSERD_FAILURES names it.
note_failures() {
    mkdir -p "$(dirname "$failures")"
    if [ "$failed" = 0 ] && [ -z "${VSERD_FAILURES:-}" ]; then : >"$failures"; fi
    if [ -s "$step_failures" ]; then
        cat "$step_failures" >>"$failures"
    else
        python3 -B tools/failures.py --log "$step_name" "$step_log" >>"$failures" || true
    fi
}

# What failed, in few lines, so that the end of a run's output has it. Only the names where there is much.
show_failures() {
    local names
    if { [ "$failed" = 0 ] && [ -z "${VSERD_FAILURES:-}" ]; } || [ ! -s "$failures" ]; then return 0; fi
    say ''
    say "${red}failed:${plain}"
    if [ "$(wc -l <"$failures")" -le "$failures_lines" ]; then
        sed 's/^/    /' "$failures"
        return
    fi
    names=$(grep -v '^ ' "$failures")
    head -n "$failures_lines" <<<"$names" | sed 's/^/    /'
    say "    ($(wc -l <<<"$names") in all; with their reasons in $failures)"
}

# run_logged LOG COMMAND...: runs the command, showing the seconds go by where there is a terminal.
run_logged() {
    local log=$1 started=$SECONDS status=0
    shift
    mkdir -p "$(dirname "$log")"
    if [ -z "$terminal" ]; then
        "$@" >"$log" 2>&1 </dev/null || status=$?
        return $status
    fi
    "$@" >"$log" 2>&1 </dev/null &
    local pid=$!
    # shellcheck disable=SC2064
    trap "kill $pid 2>/dev/null; exit 130" INT TERM
    while kill -0 $pid 2>/dev/null; do
        printf '\e[s%4d s\e[u' $((SECONDS - started))
        sleep 0.2
    done
    trap - INT TERM
    wait $pid || status=$?
    printf '\e[K'
    return $status
}

# step NAME COMMAND...: says what is done and how it went; on failure shows the end of its output. Returns its status.
# The command may leave a few words on its result in the file $step_note, and remarks on the lines after the first; and what failed
# in the file $step_failures, as failures.py says it.
step() {
    local name=$1 started=$SECONDS status=0 log note=''
    shift
    log="build/logs/$(printf '%s' "$name" | tr -cs 'a-zA-Z0-9' '-' | sed 's/-$//').log"
    mkdir -p build/logs
    export step_note=$PWD/build/logs/note
    step_name=$name step_log=$log step_failures=$PWD/build/logs/step-failures
    rm -f "$step_note" "$step_failures"
    printf '%s ... ' "$name"
    run_logged "$log" "$@" || status=$?
    if [ -s "$step_note" ]; then note="$(head -1 "$step_note"), "; fi
    case $status in
        0)
            say "${green}ok${plain} (${note}$((SECONDS - started)) s)"
            if [ -s "$step_note" ]; then tail -n +2 "$step_note" | sed 's/^/    /'; fi
            ;;
        77) say "${yellow}skipped${plain}: $(grep -i 'skipped:' "$log" | tail -1 | grep . || tail -1 "$log")" ;;
        *)
            say "${red}FAILED${plain} (${note}$((SECONDS - started)) s), the end of $log:"
            tail -n "$failed_log_lines" "$log" | sed 's/^/    /'
            ;;
    esac
    return $status
}

# check NAME COMMAND...: a step that counts as one test.
check() {
    local status=0
    step "$@" || status=$?
    case $status in
        0) tally 1 0 0 ;;
        77) tally 0 0 1 ;;
        *) tally 0 1 0 ;;
    esac
    return $status
}

# The end of a run: what failed, and on the last line the sum of everything, alone. Returns 1 if anything failed.
summary() {
    local line="$passed passed, $failed failed"
    if [ "$skipped" -gt 0 ]; then line+=", $skipped skipped"; fi
    show_failures
    say ''
    say "$line"
    [ "$failed" -eq 0 ]
}
