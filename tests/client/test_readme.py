"""Every example of the client's README, run as it stands against `vserd --demo`."""
import pathlib
import re

import pytest
from vserd_process import Process

README = pathlib.Path(__file__).resolve().parents[2] / "clients" / "python" / "README.md"
EXAMPLES = re.findall(r"^```python example\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
DEFAULT_ADDRESS = "127.0.0.1:50051"


@pytest.fixture(scope="module")
def demo():
    running = Process("--demo", "--listen", "127.0.0.1:0", "--metrics", "")
    yield running.address
    running.stop()


def test_the_examples_of_the_readme_work(demo, capsys):
    assert len(EXAMPLES) >= 4
    names = {}
    for example in EXAMPLES:
        exec(compile(example.replace(DEFAULT_ADDRESS, demo), str(README), "exec"), names)

    output = capsys.readouterr().out
    assert b"fault none" in names["text"]
    assert names["log"] == b"one two three"
    assert names["result"].text == "hello\r\n"
    assert names["line"] == b"ping\n"
    assert "NOT_FOUND PORT_NOT_FOUND konsole\n" in output
    assert 'did you mean "console"' in output
