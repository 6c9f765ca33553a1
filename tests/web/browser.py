"""Chromium on the page of a vserd, and what the tests ask of it."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from vserd_process import PATIENCE_SECONDS

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server"]

# The text of a terminal, a list of lines; lines that the terminal wrapped are joined.
LINES = """
const buffer = document.querySelector(`section.console[aria-label="Console ${arguments[0]}"]`).terminal.buffer.active;
const lines = [];
for (let index = 0; index < buffer.length; index++) {
  const line = buffer.getLine(index);
  const text = line.translateToString(true);
  if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text; else lines.push(text);
}
return lines;
"""
VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + " " + event.sourceFile));
"""


def axe():
    """The script of axe-core that ./dev setup fetched, or None."""
    cache = pathlib.Path(os.environ.get("VSERD_CACHE") or pathlib.Path(os.environ.get("HOME", "/tmp")) / ".cache" / "vserd")
    lock = ROOT / "clients/web/package-lock.json"
    with lock.open("rb") as file:
        number = subprocess.run(["cksum"], stdin=file, capture_output=True, text=True, check=True).stdout.split()[0]
    script = cache / f"web-{number}/node_modules/axe-core/axe.min.js"
    return script.read_text() if script.exists() else None


class Browser:
    """One Chromium with a profile of its own. `driver` is Selenium's."""

    def __init__(self, width=1280, height=800):
        self._profile = tempfile.TemporaryDirectory(prefix="vserd-chromium-", ignore_cleanup_errors=True)
        options = Options()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS, f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}"]:
            options.add_argument(flag)
        options.set_capability("acceptInsecureCerts", True)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_script_timeout(PATIENCE_SECONDS)
        self.downloads = pathlib.Path(self._profile.name) / "downloads"
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(self.downloads)})
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": VIOLATIONS})

    def close(self):
        self.driver.quit()
        self._profile.cleanup()

    def be_a_phone(self, width=375, height=667):
        """The screen of a small phone, and touch."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def open(self, url):
        """A new tab without what another page of this origin kept."""
        self.driver.get("about:blank")
        self.driver.get(url)
        self.script("sessionStorage.clear()")
        self.driver.get("about:blank")
        self.driver.get(url)

    def wait(self, condition, what):
        """What `condition` returns as soon as that is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if value := condition():
                    return value
            except StaleElementReferenceException:
                pass
            assert time.monotonic() < end, f"{what}; the page shows:\n{self.driver.find_element(By.TAG_NAME, 'body').text}"
            time.sleep(0.05)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.wait(lambda: next(iter(self.all(selector)), None), f"there is no {selector}")

    def button(self, name, within="body"):
        """The visible button with that text."""
        def find():
            return next((each for each in self.all(f"{within} button") if each.text == name and each.is_displayed()), None)
        return self.wait(find, f"there is no button {name!r}")

    def row(self, port):
        return self.one(f"tr[data-port='{port}']")

    def console(self, port):
        """Opens a console by a click, and waits until it is connected."""
        self.row(port).find_element(By.TAG_NAME, "button").click()
        return self.connected(port)

    def connected(self, port):
        return self.one(f"section.console[aria-label='Console {port}'][data-state='connected']")

    def lines(self, port):
        return self.script(LINES, port)

    def wait_line(self, port, text):
        """The first line that contains `text`."""
        return self.wait(lambda: next((line for line in self.lines(port) if text in line), None), f"{port}: no {text!r}")

    def type(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def status(self, port):
        return self.one(f"section.console[aria-label='Console {port}'] .status").text

    def offset(self, port):
        """What is on the screen."""
        return int(self.one(f"section.console[aria-label='Console {port}']").get_attribute("data-offset") or 0)

    def downloaded(self):
        """The bytes of the first file that was saved."""
        def whole():
            return next((file for file in self.downloads.glob("*.log") if file.stat().st_size > 0), None)
        return self.wait(whole, "nothing was downloaded").read_bytes()

    def violations(self):
        return self.script("return violations") + [entry["message"] for entry in self.driver.get_log("browser")
                                                   if "Content Security Policy" in entry["message"]]
