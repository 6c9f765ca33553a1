"""Consoles: typing, history, a reload, a second viewer, a restart, devices that come and go, a network that stands still."""
import os
import signal
import threading
import time

import pytest
from browser import Browser
from selenium.webdriver.common.keys import Keys
from web_daemon import ECHO, Plug, WebDaemon

import vser

STALL_SECONDS = 10
LINES = 3000
LINES_PER_SECOND = 600


def numbers(lines):
    return [int(line.split()[1]) for line in lines if line.startswith("number ")]


def number_line(number):
    return b"number %06d of a stream that goes on\r\n" % number


def send_numbers(plug, upto=LINES):
    """At the pace of a line, so that a reload falls into it."""
    for number in range(upto):
        plug.send(number_line(number))
        time.sleep(1 / LINES_PER_SECOND)


@pytest.fixture
def plugged(tmp_path):
    plug = Plug(tmp_path / "tty")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    port = f'[[port]]\nname = "line"\ndevice = "{plug.path}"\nbaud = 1000000\n'
    daemon = WebDaemon(tmp_path, port + ECHO, server=f'state_dir = "{state}"')
    yield daemon, plug
    daemon.stop()


def test_a_device_answers_what_is_typed(browser, daemon):
    browser.open(daemon.url)
    browser.console("console")
    browser.type("version", Keys.ENTER)
    browser.wait(lambda: sum("version" in line for line in browser.lines("console")) >= 1, "no echo")
    browser.type("help", Keys.ENTER)
    browser.wait_line("console", "reboot")
    assert browser.driver.title.startswith("console")
    assert browser.violations() == []


def test_a_second_viewer_sees_the_same(browser, daemon, client):
    browser.open(daemon.url)
    browser.console("echo")
    other = Browser()
    try:
        other.open(daemon.url)
        other.console("echo")
        browser.type("typed in one of them")
        for each in (browser, other):
            each.wait_line("echo", "typed in one of them")
        client.write("echo", b"\r\nwritten by a program\r\n")
        for each in (browser, other):
            each.wait_line("echo", "written by a program")
    finally:
        other.close()


def test_a_reload_in_the_middle_of_a_stream_leaves_no_hole(browser, plugged):
    daemon, plug = plugged
    browser.open(daemon.url)
    browser.console("line")
    sender = threading.Thread(target=send_numbers, args=(plug,))
    sender.start()
    for part in (4, 2):
        browser.wait(lambda part=part: numbers(browser.lines("line"))[-1:] >= [LINES // part], "the stream does not arrive")
        browser.driver.refresh()
        browser.connected("line")
    sender.join()
    browser.wait(lambda: numbers(browser.lines("line"))[-1:] == [LINES - 1], "the stream does not end")
    shown = numbers(browser.lines("line"))
    assert shown == list(range(shown[0], LINES)), "lines are missing or repeated"
    assert shown[0] <= LINES // 2


def test_a_device_that_is_unplugged_and_plugged_in_again(browser, plugged):
    daemon, plug = plugged
    browser.open(daemon.url)
    browser.console("line")
    plug.send(b"before\r\n")
    browser.wait_line("line", "before")
    plug.unplug()
    browser.wait(lambda: browser.row("line").get_attribute("data-state") == "offline", "the list shows no unplug")
    browser.wait_line("line", "device disconnected")
    plug.plug()
    browser.wait(lambda: browser.row("line").get_attribute("data-state") == "online", "the list shows no replug")
    plug.send(b"after\r\n")
    browser.wait_line("line", "after")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
def test_the_daemon_restarts_under_an_open_page(browser, plugged, how):
    daemon, plug = plugged
    browser.open(daemon.url)
    browser.console("line")
    plug.send(b"number 000000\r\n")
    browser.wait_line("line", "number 000000")
    daemon.stop(how)
    browser.wait(lambda: "Reconnecting" in browser.status("line"), "the page does not say so")
    daemon.start()
    browser.connected("line")
    browser.wait(lambda: browser.row("line").get_attribute("data-state") == "online", "the list is not live again")
    plug.send(b"number 000001\r\n")
    browser.wait_line("line", "number 000001")
    assert numbers(browser.lines("line")) == [0, 1]


def test_a_log_that_begins_anew_is_told(browser, tmp_path):
    daemon = WebDaemon(tmp_path, ECHO)
    browser.open(daemon.url)
    browser.console("echo")
    browser.type("old")
    browser.wait_line("echo", "old")
    daemon.stop()
    daemon.start()
    browser.wait_line("echo", "the server's log began anew")
    browser.connected("echo")
    browser.type("new")
    browser.wait_line("echo", "new")
    daemon.stop()


def test_bytes_that_the_server_no_longer_has_are_a_visible_gap(browser, tmp_path):
    daemon = WebDaemon(tmp_path, ECHO, '[history]\nbytes_per_port = "64KiB"\n')
    browser.open(daemon.url)
    browser.console("echo")
    browser.type("seen")
    browser.wait_line("echo", "seen")
    browser.wait(lambda: browser.script("return sessionStorage.length") > 0, "the place in the log is not kept")
    address = browser.driver.current_url
    browser.driver.get("about:blank")
    with vser.connect(daemon.address) as client:
        written = [b"x" * 16384 + b"\r\n"] * 20 + [b"the end\r\n"]
        for line in written:
            client.write("echo", line)
        end = len("seen") + sum(len(line) for line in written)
        browser.wait(lambda: client.port("echo").next_offset == end, "not all has come back")
        oldest = client.port("echo").oldest_offset
    browser.driver.get(address)
    browser.wait_line("echo", f"{oldest} bytes are missing here: offsets 0 to {oldest}")
    browser.wait_line("echo", "the end")
    daemon.stop()


def test_a_server_that_is_not_heard_for_10_s_loses_nothing(browser, plugged):
    daemon, plug = plugged
    browser.open(daemon.url)
    browser.console("line")
    plug.send(b"number 000000\r\n")
    browser.wait_line("line", "number 000000")
    os.kill(daemon.process.pid, signal.SIGSTOP)
    plug.send(b"number 000001\r\n")
    time.sleep(STALL_SECONDS)  # the outage itself
    os.kill(daemon.process.pid, signal.SIGCONT)
    browser.wait_line("line", "number 000001")
    plug.send(b"number 000002\r\n")
    browser.wait_line("line", "number 000002")
    assert numbers(browser.lines("line")) == [0, 1, 2]


def test_earlier_bytes_times_and_the_history(browser, plugged):
    daemon, plug = plugged
    send_numbers(plug)
    with vser.connect(daemon.address) as client:
        end = client.port("line").next_offset
    browser.open(daemon.url)
    browser.console("line")
    browser.wait(lambda: numbers(browser.lines("line"))[-1:] == [LINES - 1], "the history does not come")
    assert numbers(browser.lines("line"))[0] > 0 and browser.offset("line") == end
    browser.button("Earlier").click()
    browser.wait(lambda: numbers(browser.lines("line")) == list(range(LINES)), "the whole log is not shown")
    browser.button("Times").click()
    browser.wait(lambda: numbers([line.partition(" ")[2] for line in browser.lines("line")]) == list(range(LINES)),
                 "no time stands before each line")

    browser.button("History").click()
    browser.one("dialog.history input[type=search]").send_keys("number 00[0-9]{3}7 ", Keys.ENTER)
    browser.wait(lambda: "300 lines match" in browser.one("dialog.history .status").text, "the search finds something else")
    browser.all("dialog.history li button")[10].click()
    marked = browser.one("dialog.history li[aria-current]")
    assert "number 000107 " in marked.text and len(browser.all("dialog.history li")) > 100
    first = browser.all("dialog.history li")[0].text
    browser.button("Later", "dialog.history").click()
    browser.wait(lambda: browser.all("dialog.history li")[0].text != first, "no later page")
    browser.button("Download", "dialog.history").click()
    browser.wait(lambda: "saved as line-0.log" in browser.one("dialog.history .status").text, "the log is not saved")
    assert browser.downloaded() == b"".join(map(number_line, range(LINES)))
    browser.button("Close", "dialog.history").click()
    assert browser.violations() == []


def test_tabs_and_the_grid_survive_a_reload(browser, daemon):
    browser.open(daemon.url)
    for port in ("echo", "console"):
        browser.console(port)
    tabs = browser.all("[role=tab]")
    assert [tab.text for tab in tabs] == ["echo", "console"] and tabs[1].get_attribute("aria-selected") == "true"
    browser.button("Grid").click()
    browser.driver.refresh()
    for port in ("echo", "console"):
        browser.wait(lambda port=port: browser.connected(port).is_displayed(), f"{port} is not in the grid")
    browser.button("×").click()
    browser.wait(lambda: len(browser.all("section.console")) == 1, "the console does not close")


