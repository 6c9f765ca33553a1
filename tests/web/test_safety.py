"""What a device may not do to the page, and the page not to the device."""
import pytest
from selenium.webdriver import ActionChains

TITLE = b"\x1b]0;evil\x07\x1b]2;evil\x1b\\\x1b]1;evil\x07"
CLIPBOARD = b"\x1b]52;c;ZXZpbA==\x07\x1b]52;p;ZXZpbA==\x1b\\\x1b]52;c;?\x07\x1b]1337;Copy=:ZXZpbA==\x07"
LINK = b"\x1b]8;;https://evil.example/\x1b\\click me\x1b]8;;\x1b\\ https://evil.example/"
MARKUP = b"<img src=x onerror=alert(1)><script>document.title='evil'</script>"
# Each makes a terminal answer, and the answer would be typed into the device.
REPORTS = [
    b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=c", b"\x1bZ", b"\x9bc",
    b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n", b"\x1b[?15n", b"\x1b[?996n", b"\x1b[x",
    b"\x1b[?1$p", b"\x1b[4$p", b"\x1bP$qm\x1b\\", b"\x1bP$q\"p\x1b\\", b"\x1bP+q544e\x1b\\",
    b"\x1b]4;1;?\x07", b"\x1b]10;?\x07", b"\x1b]11;?\x1b\\", b"\x1b]12;?\x07", b"\x1b]10;?;?;?\x07", b"\x1b]104;?\x07",
    b"\x1b[14t", b"\x1b[16t", b"\x1b[18t", b"\x1b[19t", b"\x1b[21t", b"\x1b[>q", b"\x1b[?u", b"\x05",
]
MOUSE = b"\x1b[?1000h\x1b[?1002h\x1b[?1003;1006h\x1b[?1004h\x1b[?9h"
# Counts what would copy, open a window or ask the user.
COUNT_USES = """
window.copied = 0;
const count = () => { copied++; };
document.addEventListener("copy", count);
for (const name of ["write", "writeText", "read", "readText"]) navigator.clipboard[name] = count;
window.open = window.alert = window.confirm = count;
"""
BACKGROUND = "return getComputedStyle(document.querySelector('.xterm-scrollable-element')).backgroundColor"


@pytest.fixture
def page(browser, daemon):
    browser.open(daemon.url)
    browser.console("echo")
    return browser


def show(page, client, data, mark):
    """The device sends that and a mark, and the page has shown both."""
    client.write("echo", data + b"\x1b[0m\r\n" + mark.encode() + b"\r\n")
    page.wait_line("echo", mark)


def test_no_title_no_clipboard_no_link_no_markup(page, client):
    title = page.driver.title
    page.script(COUNT_USES)

    show(page, client, TITLE + CLIPBOARD + LINK + MARKUP, "mark-1")

    assert page.driver.title == title
    assert page.script("return copied") == 0
    assert page.all("section.console a") == [] and page.all("img") == []
    assert any(MARKUP.decode() in line for line in page.lines("echo")), "the markup is not shown as text"
    assert page.violations() == []


def test_terminal_reports_are_not_sent_to_the_device(page, client):
    before = client.port("echo").tx_offset
    attack = b"".join(REPORTS)

    show(page, client, attack, "mark-2")
    page.type("!")
    page.wait(lambda: any(line == "!" for line in page.lines("echo")), "no echo of what is typed")

    sent = client.port("echo").tx_offset - before
    assert sent == len(attack + b"\x1b[0m\r\nmark-2\r\n") + 1, "the page sent more than what was typed"


def test_moving_the_mouse_and_the_focus_send_nothing(page, client):
    show(page, client, MOUSE, "mark-3")
    before = client.port("echo").tx_offset
    screen = page.one("section.console .xterm-screen")
    ActionChains(page.driver).move_to_element(screen).move_by_offset(20, 20).click().move_by_offset(-30, 5).perform()
    page.one("input[type=search]").click()
    screen.click()
    page.type("!")
    page.wait(lambda: client.port("echo").tx_offset > before, "nothing was sent")
    assert client.port("echo").tx_offset == before + 1


def test_colours_of_the_page_stay(page, client):
    before = page.script(BACKGROUND)
    show(page, client, b"\x1b]11;#ff0000\x07\x1b]10;#ff0000\x07\x1b[38;2;1;2;3mtrue colour\x1b[0m", "mark-4")
    assert page.script(BACKGROUND) == before
    assert page.violations() == []


def test_a_last_line_of_markup_is_text(page, client):
    client.write("echo", b"\r\n" + MARKUP + b"\x1b]0;evil\x07")
    page.wait(lambda: MARKUP.decode() in page.row("echo").text, "the list does not show it as text")
    assert page.all("img") == [] and "evil" not in page.driver.title


def test_nothing_is_stored_beyond_the_tab(page):
    assert page.script("return localStorage.length") == 0 and page.script("return document.cookie") == ""
    page.one("header.top button:last-child").click()
    assert page.script("return localStorage.length") == 0


def test_every_request_goes_to_the_same_origin(page, daemon):
    names = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert names and all(name.startswith(daemon.url) for name in names), names
