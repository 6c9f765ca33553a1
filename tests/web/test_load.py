"""20 MB at once: the page stays responsive, and shows the end of it."""
import statistics
import time

from web_daemon import WebDaemon

import vser

MEGABYTES = 20
CHUNK = b"".join(b"%08d the quick brown fox jumps over the lazy dog, again and again and again\r\n" % n for n in range(800))
RECORD_FRAMES = """
window.frames = [];
let last = performance.now();
const record = (now) => { frames.push(now - last); last = now; requestAnimationFrame(record); };
requestAnimationFrame(record);
"""
PORT = """
[[port]]
name = "flood"
device = "sim:echo?unpaced=1"
"""
STALL_MS_MAX = 5000  # of a busy machine


def test_20_megabytes_leave_the_page_responsive(browser, tmp_path):
    daemon = WebDaemon(tmp_path, PORT, '[history]\nbytes_per_port = "64MiB"\n')
    try:
        browser.open(daemon.url)
        browser.console("flood")
        browser.script(RECORD_FRAMES)
        begin = time.monotonic()
        with vser.connect(daemon.address) as client:
            for _ in range(MEGABYTES * 1_000_000 // len(CHUNK)):
                client.write("flood", CHUNK)
            client.write("flood", b"the end\r\n")
            browser.wait_line("flood", "the end")
            seconds = time.monotonic() - begin
            size = client.port("flood").next_offset
        frames = sorted(browser.script("return frames"))
        missing = [line for line in browser.lines("flood") if "are missing here" in line]
        browser.wait(lambda: browser.offset("flood") == size, "the end was not processed")
        summary = {"seconds": round(seconds, 2), "frames": len(frames), "median_ms": round(statistics.median(frames), 1),
                   "p95_ms": round(frames[int(len(frames) * 0.95)], 1), "worst_ms": round(frames[-1], 1), "gaps": len(missing)}
        print(summary)
        assert frames[-1] < STALL_MS_MAX, summary
        browser.type("still here")
        browser.wait_line("flood", "still here")
    finally:
        daemon.stop()
