# shellcheck shell=bash disable=SC2154 # setup.sh sets $cache
# ./dev test-connect: the Connect project's own tests of servers, against server/web. Its runner is a program in Go, and its protos
# are in the same module, so both come from Go's module proxy, pinned, and checked by Go's checksum database.

connect_version=v1.0.7
connect_module=connectrpc.com/conformance
connect_folder=$cache/connectconformance-$connect_version

make_connect_runner() {
    rm -rf "$connect_folder.new"
    mkdir -p "$connect_folder.new"
    GOBIN=$connect_folder.new go install "$connect_module/cmd/connectconformance@$connect_version" &&
        cp -r --no-preserve=mode "$(go env GOMODCACHE)/$connect_module@$connect_version/proto" "$connect_folder.new/proto" &&
        rm -rf "$connect_folder" && mv "$connect_folder.new" "$connect_folder"
}

setup_connect() {
    [ -d "$connect_folder" ] && return 0
    command -v go >/dev/null || die 'test-connect needs Go 1.25 or newer in PATH, to compile the runner once'
    step "setup: connectconformance $connect_version" make_connect_runner || die 'the runner could not be compiled'
}

run_connect() {
    local status=0 log=build/logs/connectconformance.log
    "$connect_folder/connectconformance" --mode server --conf tests/connect/config.yaml --known-failing @tests/connect/known-failing.txt \
        --parallel 4 -v -- build/debug/bin/connect_server >"$log" 2>&1 || status=$?
    cat "$log"
    grep -E 'passed|failed' "$log" | tail -1 >"$step_note"
    return $status
}

test_connect() {
    setup
    setup_connect
    step 'debug: configure' cmake --preset "$preset_prefix"debug -DVSERD_CONNECT_PROTOS="$connect_folder/proto" || return 1
    build debug connect_server || return 1
    step 'connectconformance: Connect, unary, HTTP/1.1' run_connect
}
