# shellcheck shell=bash disable=SC2154 # setup.sh and ui.sh set the variables
# ./dev fleet: one etcd and ten bridges with simulated ports. ./dev test-fleet: the same, while everything fails.

fleet_bridges=10
fleet_ports_of_each=3
fleet_base=${VSERD_FLEET_BASE:-51000} # the first of the TCP ports that it uses
fleet_folder=''
declare -A fleet_names=() # process id -> name

fleet_grpc() { say "127.0.0.1:$((fleet_base + $1))"; }
fleet_web() { say "127.0.0.1:$((fleet_base + 20 + $1))"; }
fleet_metrics() { say "127.0.0.1:$((fleet_base + 40 + $1))"; }
fleet_etcd() { say "127.0.0.1:$((fleet_base + 60))"; }

# etcd_tool NAME: the path of etcd or etcdctl, installed or unpacked into the cache.
etcd_tool() { PATH=$cache/etcd/usr/bin:$PATH command -v "$1"; }

# fleet_configuration NUMBER: of one bridge. Each has its own boards, and the first two also configure the same name.
fleet_configuration() {
    local number=$1 board first=$((($1 - 1) * fleet_ports_of_each + 1))
    cat <<END
[server]
listen = ["$(fleet_grpc "$number")"]
metrics = "$(fleet_metrics "$number")"
[web]
listen = ["$(fleet_web "$number")"]
[fleet]
etcd = ["http://$(fleet_etcd)"]
bridge = "lab$number"
advertise = "$(fleet_grpc "$number")"
ttl = "5s"
END
    for ((board = first; board < first + fleet_ports_of_each; board++)); do
        printf '[[port]]\nname = "board-%d"\ndevice = "sim:%s"\nlabels = { rack = "%d", kind = "%s" }\n' \
            "$board" "$([ $((board % 2)) = 1 ] && say console || say echo)" "$(((number + 1) / 2))" \
            "$([ $((board % 2)) = 1 ] && say console || say echo)"
    done
    if [ "$number" -le 2 ]; then printf '[[port]]\nname = "shared"\ndevice = "sim:echo"\n'; fi
}

# start_etcd: as a child, with its data in a directory that is removed at the end.
start_etcd() {
    local etcd
    etcd=$(etcd_tool etcd) || die "there is no etcd and it could not be fetched; install Debian's etcd-server"
    "$etcd" --data-dir "$fleet_folder/etcd" --logger zap --log-outputs "$fleet_folder/etcd.log" \
        --listen-client-urls "http://$(fleet_etcd)" --advertise-client-urls "http://$(fleet_etcd)" \
        --listen-peer-urls http://127.0.0.1:0 >"$fleet_folder/etcd.out" 2>&1 </dev/null &
    fleet_names[$!]=etcd
}

# start_bridge PROGRAMS NUMBER
start_bridge() {
    fleet_configuration "$2" >"$fleet_folder/lab$2.toml"
    "$1/vserd" --config "$fleet_folder/lab$2.toml" >"$fleet_folder/lab$2.log" 2>&1 </dev/null &
    fleet_names[$!]=lab$2
}

# await_bridge NUMBER: until it serves. Fails if it has ended.
await_bridge() {
    local pid
    for pid in "${!fleet_names[@]}"; do
        if [ "${fleet_names[$pid]}" = "lab$1" ]; then break; fi
    done
    until grep -q ' serving \|^serving ' "$fleet_folder/lab$1.log"; do
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.05
    done
}

stop_fleet() {
    trap - EXIT INT TERM
    local pids=("${!fleet_names[@]}")
    if [ ${#pids[@]} -gt 0 ]; then
        kill "${pids[@]}" 2>/dev/null || true
        wait "${pids[@]}" 2>/dev/null || true
    fi
    rm -rf "$fleet_folder"
    say 'The fleet has ended.'
}

# What to type into another terminal. PROGRAMS: where vserctl is.
print_fleet_steps() {
    local vserctl=$1/vserctl third
    for third in "${!fleet_names[@]}"; do
        if [ "${fleet_names[$third]}" = lab3 ]; then break; fi
    done
    say ''
    say "${bold}lab1 to lab$fleet_bridges serve board-1 to board-$((fleet_bridges * fleet_ports_of_each)). In another terminal:${plain}"
    say ''
    if "$vserctl" --help | grep -q -e --fleet; then
        say "  $vserctl --fleet $(fleet_grpc 1) ports           # of all bridges; any bridge can be asked"
        say "  $vserctl --fleet $(fleet_grpc 1) ports -l rack=3"
        say "  $vserctl --fleet $(fleet_grpc 1) attach board-17 # Ctrl-] then . leaves"
    fi
    say "  curl -s http://$(fleet_web 1)/sd/prometheus           # where Prometheus finds the metrics of all"
    say "  curl -s http://$(fleet_metrics 2)/metrics | grep ^vserd_fleet # lab1 and lab2 both have a port \"shared\""
    say "  $(etcd_tool etcdctl || say etcdctl) --endpoints=$(fleet_etcd) get --prefix --keys-only /vserd/v1/"
    say "  kill -9 $third                                        # lab3: its ports are gone 5 to 7 s later"
    say ''
    say "deploy/fleet/README.md sets up a real one. The journals are in $fleet_folder. Ctrl-C stops everything."
    say ''
}

# await_end: reports each process that ends, until etcd does or the user has seen enough.
await_end() {
    local pid status
    while [ ${#fleet_names[@]} -gt 0 ]; do
        status=0
        # The shell reports a process that was killed by itself, too.
        { wait -n -p pid "${!fleet_names[@]}" || status=$?; } 2>/dev/null
        [ -n "${pid:-}" ] || continue
        say "${fleet_names[$pid]} has ended (status $status)"
        unset "fleet_names[$pid]"
    done
}

# serve_fleet PROGRAMS: until Ctrl-C.
serve_fleet() {
    local number
    fleet_folder=$(mktemp -d "${TMPDIR:-/tmp}/vserd-fleet.XXXXXX")
    trap 'stop_fleet; exit 0' INT TERM
    trap stop_fleet EXIT
    start_etcd
    for ((number = 1; number <= fleet_bridges; number++)); do start_bridge "$1" "$number"; done
    for ((number = 1; number <= fleet_bridges; number++)); do
        await_bridge "$number" || die "lab$number has ended: $(tail -3 "$fleet_folder/lab$number.log")"
    done
    print_fleet_steps "$1"
    await_end
}

run_fleet() {
    setup_packages "$build_list"
    etcd_tool etcd >/dev/null || setup_etcd
    build release vserd vserctl || return 1
    serve_fleet "$PWD/build/release/bin"
}

# test_fleet [--minutes N] [--seed N]...
test_fleet() {
    setup
    build debug vserd vser_python || return 1
    VSERD_BUILD_DIR=$PWD/build/debug PYTHONPATH=$PWD/build/debug/python:$PWD/tests/support \
        exec /usr/bin/python3 -B tests/fleet/chaos/chaos "$@"
}
