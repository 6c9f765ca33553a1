"""Run with `pytest --lg-env vser.yaml test_board.py`, or with rfc2217.yaml. The board is vserd's simulated console."""

import pytest


@pytest.fixture
def console(target):
    return target.get_driver("ConsoleProtocol")


def test_the_board_answers(console):
    console.sendline("echo hello")

    console.expect("\r\nhello\r\n", timeout=30)
