#!/usr/bin/env bash
# Suite e: every engine on the real driver, and the daemon where the kernel itself switches io_uring off. Needs VSER_KO and
# VSERD_BIN.
set -u
export VSERD_EMULATED=1
failed=0
insmod "${VSER_KO:?}" pacing=0 fifo_bytes=4096
timeout -s ABRT 600 "${VSERD_BIN:?}/contract_engine" --gtest_filter='*EngineLine*vser*' --gtest_output=xml:engines-contract.xml \
    --gtest_brief=1 || failed=1
rmmod vser

switch=/proc/sys/kernel/io_uring_disabled
if [ -e $switch ]; then
    echo 2 >$switch
    log=$(mktemp)
    "$VSERD_BIN/vserd" --demo --metrics '' >"$log" 2>&1 &
    vserd=$!
    for ((tries = 0; tries < 600; tries++)); do
        grep -q 'engine io_uring is not in use' "$log" && break
        sleep 0.1
    done
    kill $vserd
    wait $vserd
    if grep -q '; engine sigio' "$log" && grep -q 'set kernel.io_uring_disabled=0' "$log"; then
        echo 'ok with io_uring switched off the daemon starts on the next engine and says why'
    else
        cat "$log"
        echo 'not ok with io_uring switched off the daemon starts on the next engine and says why'
        failed=1
    fi
    echo 0 >$switch
fi
exit $failed
