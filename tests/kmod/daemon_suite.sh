#!/usr/bin/env bash
# Suite c: vserd on the real driver, inside the virtual machine, used as its users do. Needs VSER_KO and VSERD_BIN.
# Functions here are called by name, through until_true and trap.
# shellcheck disable=SC2317
set -u
export PATH=${VSERD_CACHE:-/nonexistent}/bin:${VSERD_BIN:?}:$PATH
for tool in grpcurl curl; do
    command -v $tool >/dev/null || { echo "daemon suite skipped: no $tool"; exit 77; }
done
scratch=$(mktemp -d)
server=127.0.0.1:50051
vserd='' reader='' failed=0
cleanup() {
    [ -z "$reader" ] || kill "$reader" 2>/dev/null
    [ -z "$vserd" ] || kill "$vserd" 2>/dev/null
    wait
    rmmod vser
    rm -rf "$scratch"
}
trap cleanup EXIT

# check NAME WANTED GOT
check() {
    if [ "$2" = "$3" ]; then
        echo "ok $1"
    else
        echo "not ok $1: wanted '$2', got '$3'"
        failed=1
    fi
}

# until_true COMMAND...: tries for a minute.
until_true() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "not ok: never: $*"
    failed=1
    return 1
}

call() { grpcurl -plaintext -d "$2" $server "vser.v1.$1"; }
online() { [ "$(vserctl ports 2>/dev/null | grep -ci ' online')" = "$1" ]; }
metric() { curl -s "http://127.0.0.1:9464/metrics" | sed -n "s/^$1 //p"; }

insmod "${VSER_KO:?}" pacing=0 fifo_bytes=65536
cat >"$scratch/vserd.toml" <<END
[server]
listen = ["$server"]
metrics = "127.0.0.1:9464"
[history]
bytes_per_port = "20MiB"
END
for port in 0 1 2 3; do
    printf '[[port]]\nname = "vser%s"\ndevice = "/dev/vser%s"\nbaud = 115200\nformat = "8N1"\n' $port $port
done >>"$scratch/vserd.toml"
vserd --config "$scratch/vserd.toml" >"$scratch/log" 2>&1 &
vserd=$!
until_true online 4 || { cat "$scratch/log"; vserctl ports; exit 1; }
check 'four ports come up' 0 0
vserctl info

check 'SetBaud replies with the rate in force' '57600' \
    "$(call PortService/SetBaud '{"port":"vser0","baud":57600}' | sed -n 's/.*"baud": \([0-9]*\).*/\1/p')"
call PortService/SetFormat \
    '{"port":"vser0","format":{"dataBits":7,"parity":"PARITY_EVEN","stopBits":"STOP_BITS_2","flowControl":"FLOW_CONTROL_NONE"}}' \
    >/dev/null
check 'another descriptor sees baud and format' '57600 7E2' "$(vser_daemon_check line /dev/vser0)"
check 'a baud the driver refuses is INVALID_ARGUMENT' 1 \
    "$(call PortService/SetBaud '{"port":"vser0","baud":5000000}' 2>&1 | grep -c InvalidArgument)"

vser_daemon_check round-trip $server vser1 16
check '16 MiB go there and back intact' 0 $?

# A reader stays attached while its device is taken away and brought back.
vserctl read vser2 --from live --follow --events >"$scratch/read" 2>"$scratch/events" &
reader=$!
sent_before() { call ConsoleService/Write '{"port":"vser2","text":"before."}' && sleep 0.3 && grep -q before "$scratch/read"; }
until_true sent_before
echo vser.2 >/sys/bus/platform/drivers/vser/unbind
until_true online 3
check 'writing to a device that is disconnected is UNAVAILABLE' 1 \
    "$(call ConsoleService/Write '{"port":"vser2","text":"x"}' 2>&1 | grep -c Unavailable)"
echo vser.2 >/sys/bus/platform/drivers/vser/bind
until_true online 4
call ConsoleService/Write '{"port":"vser2","text":"after."}' >/dev/null
until_true grep -q 'after\.' "$scratch/read"
# The clock on the wall may go where it likes.
for step in '+1 day' '-3 days' '+2 days'; do
    date -s "$step" >/dev/null
    call ConsoleService/Write "{\"port\":\"vser2\",\"text\":\"clock $step.\"}" >/dev/null
    until_true grep -q "clock $step\\." "$scratch/read"
done
kill -0 $reader
check 'the reader stayed attached over unbind and rebind' 0 $?
check 'the reader was told, of nothing else' 'disconnected connected' \
    "$(grep -oE 'device is (dis)?connected' "$scratch/events" | cut -d' ' -f3 | xargs)"
kill $reader
wait $reader 2>/dev/null
reader=''

check 'metrics: the port is up' 1 "$(metric 'vserd_port_up{port="vser2"}')"
check 'metrics: bytes received' 16777216 "$(printf '%.0f' "$(metric 'vserd_port_rx_bytes_total{port="vser1"}')")"
check 'metrics: one reopen' 1 "$(metric 'vserd_port_reopens_total{port="vser2"}')"
check 'metrics: baud' 57600 "$(metric 'vserd_port_baud{port="vser0"}')"
echo 3 >/sys/class/vser/vser3/faults/inject_frame
call ConsoleService/Write '{"port":"vser3","text":"damaged"}' >/dev/null
frame_errors() { [ "$(metric 'vserd_port_line_errors_total{kind="frame",port="vser3"}')" = 3 ] ||
    [ "$(metric 'vserd_port_line_errors_total{port="vser3",kind="frame"}')" = 3 ]; }
until_true frame_errors
check 'metrics: injected frame errors show' 0 $?
curl -s http://127.0.0.1:9464/metrics | grep -E '^vserd_engine'

kill -TERM $vserd
wait $vserd
check 'SIGTERM ends it cleanly' 0 $?
vserd=''
"$(dirname "$(realpath "$0")")/restart_check.py" >"$scratch/restart" 2>&1
check 'a restart tells what wires and counters did meanwhile' 0 $?
[ $failed = 0 ] || cat "$scratch/restart"
[ $failed = 0 ] || cat "$scratch/log" "$scratch/events"
exit $failed
