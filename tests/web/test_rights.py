"""Rights: the login, and what the page lets each role do."""
import hashlib
import shutil

import pytest
from browser import Browser
from certificates import Authority, server_tls
from selenium.webdriver.common.keys import Keys
from web_daemon import ECHO, WebDaemon

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")

ROLES = ("list", "read", "write", "control", "admin")


def token(role):
    return f"vserd_test-token-with-the-role-{role}"


def access(folder):
    tokens = folder / "tokens"
    tokens.write_text("".join(f"{role} {hashlib.sha256(token(role).encode()).hexdigest()}\n" for role in ROLES))
    tokens.chmod(0o600)
    rules = "".join(f'[[access.rule]]\nwho = ["token:{role}"]\nports = ["echo"]\nrole = "{role}"\n' for role in ROLES)
    return f'[access]\ntokens = "{tokens}"\naudit = "{folder}/audit"\n{rules}'


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    Authority(folder).sign("server")
    hidden = ECHO.replace('"echo"', '"hidden"')
    daemon = WebDaemon(folder, ECHO + hidden, access(folder) + server_tls(folder), scheme="https")
    yield daemon
    daemon.stop()


def log_in(browser, text, keep=False):
    field = browser.one("dialog.login[open] input[name=token]")
    field.clear()
    field.send_keys(text)
    if keep:
        browser.one("dialog.login input[name=keep]").click()
    browser.button("Log in", "dialog.login").click()


def open_as(browser, daemon, role):
    browser.open(daemon.url)
    log_in(browser, token(role))
    browser.row("echo")


def test_a_wrong_token_is_refused_and_a_good_one_shows_only_what_it_may_see(browser, guarded):
    browser.open(guarded.url)
    log_in(browser, "vserd_no-such-token")
    browser.wait(lambda: browser.one("dialog.login .error").text, "no error is shown")
    assert browser.all("tbody tr") == []
    log_in(browser, token("read"))
    browser.row("echo")
    assert [row.get_attribute("data-port") for row in browser.all("tbody tr")] == ["echo"]
    assert token("read") not in str(browser.script("return JSON.stringify([{...sessionStorage}, {...localStorage}])"))


def test_a_token_is_remembered_in_the_tab_only_when_the_user_wants_it(guarded):
    browser = Browser()
    try:
        browser.open(guarded.url)
        log_in(browser, token("write"))
        browser.row("echo")
        browser.driver.refresh()
        log_in(browser, token("write"), keep=True)
        browser.console("echo")
        browser.driver.refresh()
        browser.connected("echo")
        browser.button("Log out").click()
        browser.one("dialog.login[open]")
        assert token("write") not in str(browser.script("return JSON.stringify({...sessionStorage})"))
    finally:
        browser.close()


def test_a_reader_cannot_write_nor_hold_nor_change_the_line(browser, guarded):
    open_as(browser, guarded, "read")
    browser.console("echo")
    assert "read-only" in browser.status("echo")
    offset = browser.offset("echo")
    browser.type("not sent")
    assert not browser.button("Hold").is_enabled()
    browser.one(".menu > summary").click()
    assert "need the role control; yours is read" in browser.one(".line-panel .hint").text
    assert not browser.button("Send break").is_enabled() and browser.offset("echo") == offset


def test_a_writer_types_and_cannot_change_the_line(browser, guarded):
    open_as(browser, guarded, "write")
    browser.console("echo")
    browser.type("typed by a writer")
    browser.wait_line("echo", "typed by a writer")
    browser.one(".menu > summary").click()
    assert "need the role control; yours is write" in browser.one(".line-panel .hint").text
    assert not browser.button("Send break").is_enabled()


def test_the_role_control_changes_the_line(browser, guarded):
    open_as(browser, guarded, "control")
    browser.console("echo")
    browser.one(".menu > summary").click()
    browser.button("Send break").click()
    browser.wait_line("echo", "break of 250 ms sent")
    baud = browser.one(".line-panel input[type=number]")
    baud.clear()
    baud.send_keys("19200", Keys.ENTER)
    browser.wait_line("echo", "19200 baud")


def test_only_an_administrator_takes_over(browser, guarded):
    other = Browser()
    try:
        open_as(other, guarded, "write")
        other.console("echo")
        other.button("Hold").click()
        other.wait_line("echo", "you hold the port")
        open_as(browser, guarded, "control")
        browser.console("echo")
        assert not browser.button("Held").is_enabled()
        open_as(browser, guarded, "admin")
        browser.console("echo")
        browser.button("Take over").click()
        browser.type("urgent", Keys.ENTER)
        for each in (browser, other):
            each.wait_line("echo", "(urgent)")
    finally:
        other.close()


def test_a_role_that_may_only_list_sees_no_bytes(browser, guarded):
    open_as(browser, guarded, "list")
    browser.row("echo").find_element("tag name", "button").click()
    browser.wait(lambda: "Closed" in browser.status("echo"), "the console does not say why it is closed")
