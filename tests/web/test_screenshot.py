"""The picture in the READMEs. With VSERD_SCREENSHOT=1 it becomes the one that is committed."""
import os

from browser import ROOT, Browser
from selenium.webdriver.common.keys import Keys
from web_daemon import WebDaemon

import vser

DEVICES = [("board-1", "sim:console?id=board-1", "gateway, rack 1"), ("board-2", "sim:console?id=board-2", "gateway, rack 2"),
           ("gps", "sim:echo?unpaced=1", "receiver on the roof"), ("meter", "/dev/serial/by-id/usb-meter", "power meter")]
PORTS = "".join(f'[[port]]\nname = "{name}"\ndevice = "{device}"\ndescription = "{text}"\n' for name, device, text in DEVICES)


def test_the_picture_of_the_readme(tmp_path):
    daemon = WebDaemon(tmp_path, PORTS)
    browser = Browser(width=1280, height=850)
    try:
        browser.open(daemon.url)
        browser.console("board-1")
        browser.wait_line("board-1", "sim>")
        browser.type("help", Keys.ENTER)
        browser.wait_line("board-1", "behaves again")
        with vser.connect(daemon.address) as client:
            client.set_baud("board-1", 230400)
            for _ in range(3):
                client.write("gps", b"$GPGGA,120000,4807.038,N,01131.000,E,1,08,0.9,545.4,M*47\r\n")
        browser.wait_line("board-1", "230400 baud")
        browser.wait(lambda: "$GPGGA" in browser.row("gps").text, "no last line")
        browser.wait(lambda: "sim>" in browser.row("board-2").text, "the device has not booted")
        place = ROOT / "clients/web/screenshot.png" if os.environ.get("VSERD_SCREENSHOT") else tmp_path / "screenshot.png"
        assert browser.driver.save_screenshot(str(place))
        assert place.stat().st_size > 10_000
    finally:
        browser.close()
        daemon.stop()
