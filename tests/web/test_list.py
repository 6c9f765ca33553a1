"""The list of ports: live, filtered by typing, usable by the keyboard alone and without seeing."""
import re
import time

import pytest
from browser import Browser, axe
from selenium.webdriver.common.keys import Keys

SERIOUS = ("serious", "critical")
RUN_AXE = "const done = arguments[arguments.length - 1]; axe.run(document).then(done, (error) => done({error: String(error)}));"


def visible_ports(browser):
    return [row.get_attribute("data-port") for row in browser.all("tbody tr")]


def serious(browser):
    """What axe-core finds on the page as it is."""
    browser.script(axe())
    result = browser.driver.execute_async_script(RUN_AXE)
    assert "error" not in result, result
    return [f"{found['id']}: {found['nodes'][0]['html'][:200]}" for found in result["violations"] if found["impact"] in SERIOUS]


def test_the_last_line_and_the_traffic_follow_the_device(browser, daemon, client):
    browser.open(daemon.url)
    browser.row("echo")
    client.write("echo", b"first\r\nsecond line \x1b[31mred\x1b[0m\r\n")
    browser.wait(lambda: "second line red" in browser.row("echo").text, "the last line does not come")
    client.write("echo", b"x" * 5000)
    browser.wait(lambda: re.search(r"[1-9][\d.]* k?B/s", browser.row("echo").text), "no traffic is shown")


def test_the_list_follows_settings_and_holders(browser, daemon, client):
    browser.open(daemon.url)
    browser.row("console")
    client.set_baud("console", 9600)
    browser.wait(lambda: "9600 8N1" in browser.row("console").text, "no new speed")
    client.set_baud("console", 115200)
    browser.wait(lambda: "115200 8N1" in browser.row("console").text, "no new speed")
    with client.lease("console"):
        browser.wait(lambda: "held by" in browser.row("console").text, "no holder")
    browser.wait(lambda: "held by" not in browser.row("console").text, "the holder stays")


def test_typing_filters_and_enter_opens_the_first(browser, daemon):
    browser.open(daemon.url)
    browser.wait(lambda: visible_ports(browser) == ["console", "echo"], "the ports are not sorted by name")
    browser.type("/")
    browser.type("small")
    browser.wait(lambda: visible_ports(browser) == ["console"], "the filter does not look into the description")
    browser.type(Keys.ENTER)
    browser.connected("console")
    assert "front=console" in browser.driver.current_url


def test_everything_works_by_the_keyboard_alone(browser, daemon):
    browser.open(daemon.url)
    browser.wait(lambda: len(visible_ports(browser)) == 2, "the ports do not come")
    browser.type("/")
    browser.type(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    browser.wait(lambda: browser.driver.switch_to.active_element.text == "echo", "the arrows do not move to echo")
    browser.type(Keys.ENTER)
    browser.connected("echo")
    browser.type("typed by hand")
    browser.wait_line("echo", "typed by hand")
    browser.type(Keys.CONTROL, "]")
    browser.wait(lambda: browser.driver.switch_to.active_element.tag_name == "summary", "Ctrl-] does not leave the terminal")
    browser.type(Keys.ENTER)
    baud = browser.one(".line-panel input[type=number]")
    browser.type(Keys.TAB)
    assert browser.driver.switch_to.active_element == baud
    browser.type(Keys.CONTROL, "a")
    browser.type("57600", Keys.ENTER)
    browser.wait_line("echo", "57600 baud, 8N1")
    browser.type(Keys.ESCAPE)
    assert browser.driver.switch_to.active_element.tag_name == "summary"


@pytest.mark.skipif(axe() is None, reason="no axe-core: ./dev setup fetches it where npm's registry is reached")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser, daemon, theme):
    browser.open(daemon.url)
    while browser.script("return document.documentElement.dataset.theme") != theme:
        browser.script("document.querySelector('header.top button:last-child').click()")
    browser.row("console")
    assert serious(browser) == []
    browser.console("console")
    browser.one(".menu > summary").click()
    assert serious(browser) == []
    browser.one(".menu > summary").click()
    browser.button("History").click()
    browser.one("dialog.history li")
    assert serious(browser) == []


def test_a_phone_shows_the_list_or_a_console(daemon):
    phone = Browser()
    try:
        phone.be_a_phone()
        phone.open(daemon.url)
        phone.console("console")
        phone.wait(lambda: not phone.row("echo").is_displayed(), "the list is beside the console")
        assert phone.script("return document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
        phone.button("Tab", ".keys").click()
        phone.one(".menu > summary").click()
        panel = phone.one(".line-panel").rect
        assert panel["x"] >= 0 and panel["x"] + panel["width"] <= 375, "the line's settings are beside the screen"
        phone.one(".menu > summary").click()
        phone.button("Ports").click()
        phone.wait(lambda: phone.row("echo").is_displayed(), "no way back to the list")
    finally:
        phone.close()


def test_the_first_console_is_usable_soon(browser, daemon):
    browser.open(daemon.url)
    begin = time.monotonic()
    browser.driver.get("about:blank")
    browser.driver.get(f"{daemon.url}#open=console&front=console")
    browser.connected("console")
    seconds = time.monotonic() - begin
    print(f"the first console is connected after {seconds:.2f} s")
