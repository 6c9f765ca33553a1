#!/usr/bin/env bash
# Runs each example inside the virtual machine and checks what it prints. Needs VSER_KO and VSERD_BIN.
set -u
bin=${VSERD_BIN:?} failed=0
insmod "${VSER_KO:?}" pacing=0
scratch=$(mktemp -d)
trap 'rmmod vser; rm -rf "$scratch"' EXIT

check() {
    if [ "$2" = "$3" ]; then
        echo "ok $1"
    else
        echo "not ok $1: wanted '$2', got '$3'"
        failed=1
    fi
}

# until_line FILE PATTERN: waits until the file has such a line.
until_line() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

# The port hears itself, so what the keyboard types is printed.
mkfifo "$scratch/keys"
"$bin/example_virtual_keyboard" <"$scratch/keys" >"$scratch/node" &
exec 3>"$scratch/keys"
until_line "$scratch/node" event
timeout 60 "$bin/example_poll_keyboard" /dev/vser0 "$(head -n 1 "$scratch/node")" >"$scratch/typed" &
keyboard=$!
# A key pressed before the example has opened the keyboard is not for it: type until it hears.
for ((tries = 0; tries < 200; tries++)); do
    echo h >&3
    grep -q h "$scratch/typed" 2>/dev/null && break
    sleep 0.05
done
printf '%s\n' e l l o enter >&3
until_line "$scratch/typed" 'hello$'
echo esc >&3
wait $keyboard
check 'poll over a port and a keyboard' 0 $?
check 'what was typed came back' hello "$(tr -s h <"$scratch/typed")"
exec 3>&-

timeout 60 "$bin/example_sigio" /dev/vser1 11 >"$scratch/sigio" &
reader=$!
printf hello >/dev/vser1
printf ' world' >/dev/vser1
wait $reader
check 'SIGIO' 'hello world' "$(cat "$scratch/sigio")"

check 'POSIX AIO' $'callback: 8 bytes: callback\nlist: list list' "$(timeout 60 "$bin/example_posix_aio" /dev/vser0 /dev/vser1)"

timeout 60 "$bin/example_io_uring" /dev/vser2 57600 5 >"$scratch/uring" &
reader=$!
until_line "$scratch/uring" baud
printf hello >/dev/vser2
wait $reader
check 'io_uring' $'baud: 57600\nhello' "$(cat "$scratch/uring")"
check 'io_uring set the speed' 57600 "$(cat /sys/class/vser/vser2/baud)"
exit $failed
