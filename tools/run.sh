# shellcheck shell=bash disable=SC2154 # setup.sh and ui.sh set the variables
# ./dev run: builds the daemon and starts it on simulated ports. It installs only what that takes.

# What a newcomer can type into another terminal.
print_next_steps() {
    say ''
    say "${bold}Starting vserd --demo: simulated ports on 127.0.0.1:50051, metrics on 127.0.0.1:9464. In another terminal:${plain}"
    say ''
    say '  curl -s 127.0.0.1:9464/metrics | grep ^vserd_port'
    say '  telnet 127.0.0.1 7002            # a small device at a prompt'
    if ! print_vserctl_steps; then say '  (vserctl is being built; a line here will say when it is ready)'; fi
    if ! print_grpcurl_steps; then say '  (grpcurl is not installed; it will be built now, and a line here will say when it is ready)'; fi
    say ''
    say 'README.md has more. Ctrl-C stops the daemon.'
    say ''
}

print_vserctl_steps() {
    local vserctl=$PWD/build/release/bin/vserctl
    [ -x "$vserctl" ] || return 1
    say "  $vserctl ports"
    say "  $vserctl attach console          # Ctrl-] then . leaves"
}

print_grpcurl_steps() {
    local grpcurl
    grpcurl=$(grpcurl_path) || return 1
    say "  $grpcurl -plaintext 127.0.0.1:50051 vser.v1.PortService/ListPorts"
    say "  $grpcurl -plaintext -d '{\"port\": \"console\", \"baud\": 9600}' 127.0.0.1:50051 vser.v1.PortService/SetBaud"
}

# Builds grpcurl, with Debian's Go if there is none.
install_grpcurl() {
    local go
    if ! go=$(find_go); then
        apt_install golang-go || return 1
        go=$(find_go) || return 1
    fi
    build_grpcurl "$go"
}

# In a subshell, which it becomes: what stops it reaches the build.
build_vserctl() { exec cmake --build build/release --target vserctl; }

# beside PID NAME COMMAND: runs the command beside the daemon of that process, and no longer than it. Returns the command's status.
beside() {
    local daemon=$1 log=build/logs/$2.log job
    "$3" >"$log" 2>&1 </dev/null &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        if ! kill -0 "$daemon" 2>/dev/null; then
            pkill -P "$job"
            kill "$job"
            exit
        fi
        sleep 0.5
    done 2>/dev/null
    wait "$job"
}

# offer_clients PID: builds the clients that are not there, beside the daemon of that process.
offer_clients() {
    local started=$SECONDS
    if [ ! -x build/release/bin/vserctl ]; then
        if beside "$1" vserctl build_vserctl; then
            say "${bold}vserctl is ready${plain} ($((SECONDS - started)) s):"
            print_vserctl_steps
        else
            warn 'vserctl could not be built, see build/logs/vserctl.log; everything else works'
        fi
    fi
    started=$SECONDS
    if ! grpcurl_path >/dev/null; then
        if beside "$1" grpcurl install_grpcurl; then
            say "${bold}grpcurl is ready${plain} ($((SECONDS - started)) s):"
            print_grpcurl_steps
        else
            warn 'grpcurl could not be built, see build/logs/grpcurl.log; everything else works. A release is at github.com/fullstorydev/grpcurl'
        fi
    fi
}

run_demo() {
    local programs=(vserd)
    if [ -x build/release/bin/vserctl ]; then programs+=(vserctl); fi
    setup_packages "$build_list"
    build release "${programs[@]}" || return 1
    print_next_steps
    # In a subshell that ends at once, so that the daemon gets no child that it does not know.
    (offer_clients $$ &)
    exec build/release/bin/vserd --demo "$@"
}
