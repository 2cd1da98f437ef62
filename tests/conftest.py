"""Slow tests start as long as there is time, where a run says until when."""

import time

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--until", type=float, help="seconds of the epoch; no slow test starts later")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    until = item.config.getoption("until")
    if until is not None and time.time() > until and item.get_closest_marker("slow"):
        pytest.skip("slow, and there is no time left for it: `make test` runs it")
