# shellcheck shell=bash disable=SC2154 # ui.sh sets the colours
# Configure and compile one preset.

# CI's presets have this before their names. They use the same directories, and warnings are errors.
preset_prefix=''
use_ci_presets() { if [ -n "${CI:-}" ]; then preset_prefix=ci-; fi; }

# build PRESET [TARGET...]: all targets if none is named.
build() {
    local preset=$1
    shift
    if [ ! -f "build/$preset/build.ninja" ]; then
        step "$preset: configure" cmake --preset "$preset_prefix$preset" || return 1
    fi
    step "$preset: build${1:+ $*}" cmake --build "build/$preset" ${1:+--target "$@"}
}

# The Debian packages of the release, in build/packages.
package() {
    setup_packages "$build_list" "$package_list"
    build release || return 1
    rm -rf build/packages
    step 'release: packages' cpack --config build/release/CPackConfig.cmake -B build/packages || return 1
    rm -rf build/packages/_CPack_Packages
    ls -1 build/packages/*.deb
}

# The image of the Dockerfile, compiled within it: minutes. Where no registry is reached, VSERD_BASE names another Debian 12.
container() {
    setup
    step 'container: image' buildah build --isolation chroot --format docker ${VSERD_BASE:+--build-arg "BASE=$VSERD_BASE"} -t vserd . || return 1
    buildah images --filter reference=localhost/vserd
}

bench() {
    setup
    local programs=(vserd vserctl bridge_bench)
    if [ "${1:-}" = engines ]; then programs=(engine_bench); fi
    if [ "${1:-}" = restart ]; then programs=(vserd vserctl vser_python); fi
    if [ "${1:-}" = fleet ]; then programs=(fleet_scale); fi
    build bench "${programs[@]}" || return 1
    if [ "${1:-}" = restart ]; then bench_restart; fi
    if [ "${1:-}" = fleet ]; then bench_fleet "${@:2}"; fi
    if [ "${1:-}" != engines ]; then setup_packages "$build_list" tools/packages-bench.txt; fi
    exec tests/bench/run "$@"
}

# A thousand bridges in one etcd; options as of tests/fleet/scale/run.
bench_fleet() {
    VSERD_BUILD_DIR=$PWD/build/bench PYTHONPATH=tests/support exec /usr/bin/python3 -B tests/fleet/scale/run "$@"
}

# Measures the bytes that a stream loses in 20 restarts and 20 kills, at two rates.
bench_restart() {
    echo '| baud | ends | bytes sent | lost | not taken by the kernel | offline, mean | worst |'
    echo '| --- | --- | --- | --- | --- | --- | --- |'
    VSERD_RESTART_ROUNDS=20 VSERD_BUILD_DIR=$PWD/build/bench PYTHONPATH=build/bench/python:tests/support \
        exec /usr/bin/python3 -B -m pytest -q -s -p no:cacheprovider -k stream tests/integration/test_restart.py
}

# fuzz_target TARGET SECONDS: what it finds out lies in build/fuzz/corpus, what breaks it in build/fuzz/found.
fuzz_target() {
    local target=$1 status=0 log=build/fuzz/$1.log
    mkdir -p "build/fuzz/corpus/$target" build/fuzz/found
    "build/fuzz/bin/fuzz_$target" -max_total_time="$2" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$target-" "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 ||
        status=$?
    cat "$log"
    printf '%s runs, %s edges\n' "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)" >"$step_note"
    return $status
}

# fuzz [SECONDS [TARGET...]]: each target that long.
fuzz() {
    local target seconds=${1:-60}
    shift || true
    setup
    build fuzz vserd_fuzzers || return 1
    if [ $# = 0 ]; then mapfile -t < <(basename -a tests/fuzz/corpus/*) && set -- "${MAPFILE[@]}"; fi
    for target in "$@"; do
        check "fuzz: $target" fuzz_target "$target" "$seconds" || true
    done
    summary
}

# soak [SECONDS] [OPTION...]: everything at once, then every abuse for longer. VSERD_PROGRAM is another vserd to soak, one built with
# a sanitizer, say.
soak() {
    local seconds=600
    if [[ ${1:-} =~ ^[0-9]+$ ]]; then
        seconds=$1
        shift
    fi
    setup
    build debug integration_soak vserd vser_python || return 1
    build/debug/bin/integration_soak --seconds "$seconds" "$@" || return 1
    VSERD_LEASE_CLIENTS=200 VSERD_LEASE_SECONDS=$((seconds / 10 + 1)) \
        ctest --test-dir build/debug -R '^integration_lease_crowd$' --timeout $((seconds + 300)) -V || return 1
    VSERD_ARCHIVE_KILLS=$((seconds / 6 + 1)) \
        ctest --test-dir build/debug -R '^integration_archive$' --timeout $((seconds + 600)) -V || return 1
    VSERD_ABUSE_SECONDS=$((seconds / 20 + 1)) ctest --test-dir build/debug -R '^abuse$' --timeout $((seconds * 3 + 300)) -V
}
