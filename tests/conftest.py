"""Slow tests start as long as there is time, where a run says how much there is."""

import time

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, help="start no slow test later than this; without it, all run")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STARTED] = time.monotonic()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.getoption("minutes")
    late = minutes is not None and time.monotonic() - item.config.stash[_STARTED] > 60 * minutes
    if late and item.get_closest_marker("slow"):
        pytest.skip(f"slow, and {minutes:g} minutes are over: `make test` runs it")


_STARTED = pytest.StashKey[float]()
