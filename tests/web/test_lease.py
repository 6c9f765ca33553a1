"""Who may write: holding a port from the page, and taking it over."""
import pytest
from selenium.webdriver.common.keys import Keys

import vser


@pytest.fixture
def page(browser, daemon):
    browser.open(daemon.url)
    browser.console("echo")
    return browser


def test_the_page_holds_a_port_and_releases_it(page, client):
    page.button("Hold").click()
    page.wait_line("echo", "you hold the port")
    with pytest.raises(vser.VserError) as refused:
        client.write("echo", b"from elsewhere")
    assert refused.value.reason == "PORT_HELD"
    page.type(Keys.TAB)
    page.one("section.console .screen").click()
    page.type("from the holder")
    page.wait_line("echo", "from the holder")
    page.button("Release").click()
    page.wait_line("echo", "no longer holds the port")
    client.write("echo", b"from elsewhere\r\n")
    page.wait_line("echo", "from elsewhere")


def test_typing_into_a_held_port_says_who_holds_it_and_a_takeover_ends_that(page, client):
    with client.lease("echo", reason="a test run", name="ci-7") as lease:
        page.wait_line("echo", "ci-7 holds the port (a test run)")
        page.type("x")
        page.wait_line("echo", "1 byte was not sent: ci-7 holds the port")
        page.button("Take over").click()
        page.type("a human needs it", Keys.ENTER)
        page.wait_line("echo", "took the port over from ci-7 (a human needs it)")
        page.button("Release")
        page.one("section.console .screen").click()
        page.type("typed after the takeover")
        page.wait_line("echo", "typed after the takeover")
        assert lease.id > 0
        page.button("Release").click()
        page.button("Hold")


def test_a_closed_console_releases_the_port(page, client):
    page.button("Hold").click()
    page.wait_line("echo", "you hold the port")
    page.button("×").click()
    page.wait(lambda: client.port("echo").writer == "", "the port stays held")
