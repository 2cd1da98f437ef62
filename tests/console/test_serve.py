"""The real server, in a process of its own, over HTTP."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.console import stories
from tests.console.conftest import Told


@dataclass
class Running:
    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def start(root: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gradino.console", "--project", str(root), "--port", str(port)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    store, project = stories.young(tmp_path_factory.mktemp("served"))
    yield store, project
    store.state.close()


@pytest.fixture(scope="module")
def running(told: Told) -> Iterator[Running]:
    port = free_port()
    process = start(told[1].root, port)
    while process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/status", timeout=30)
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    yield Running(process, port)
    process.kill()
    process.communicate()


def test_it_serves_the_page_the_status_and_the_report(running: Running) -> None:
    found = httpx.get(running.url, timeout=60)
    assert found.status_code == 200
    assert "v1</span> answers" in found.text
    assert "script-src 'sha256-" in found.headers["Content-Security-Policy"]
    status = httpx.get(f"{running.url}/api/status", timeout=60).json()
    assert status["champion"]["version"] == 1
    report = httpx.get(f"{running.url}/report", timeout=60)
    assert report.headers["Content-Disposition"] == 'attachment; filename="gradino.html"'
    assert "<script" not in report.text


def test_another_host_name_is_refused(running: Running) -> None:
    assert httpx.get(running.url, headers={"Host": "evil.example"}, timeout=60).status_code == 400


def test_an_unknown_prediction_is_answered_with_words(running: Running) -> None:
    found = httpx.get(running.url, params={"trace": "--help <b>"}, timeout=120)
    assert found.status_code == 200
    assert found.text.count("--help &lt;b&gt;") == 2  # in the box and in the answer
    assert "Traceback" not in found.text
    assert "Every hash agrees" not in found.text


def test_a_port_in_use_is_one_clear_message(running: Running, told: Told) -> None:
    second = start(told[1].root, running.port)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert said.splitlines() == [
        f"port {running.port} of 127.0.0.1 is in use",
        "choose another, or end the process that holds it",
    ]


def test_readers_see_changes_and_a_stop_does_not_wait_for_them(running: Running, told: Told) -> None:
    store, _ = told
    with httpx.stream("GET", f"{running.url}/events", timeout=60) as stream:
        lines = stream.iter_lines()
        first = {json.loads(next(lines).removeprefix("data: "))["id"] for line in lines_of(lines, "event: section", 6)}
        assert "now" in first
        store.state.tell("alarm", "the roof is on fire", "fire", stories.day(2))
        for line in lines:
            if line.startswith("data: {") and "the roof is on fire" in line:
                assert json.loads(line.removeprefix("data: "))["id"] == "timeline"
                break
        children = psutil.Process(running.process.pid).children(recursive=True)
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
        assert time.monotonic() - began < 5
    _, left = psutil.wait_procs(children, timeout=30)
    assert left == []


def lines_of(lines: Iterator[str], wanted: str, times: int) -> Iterator[str]:
    """The next lines that are `wanted`, so many of them."""
    for line in lines:
        if line == wanted:
            yield line
            times -= 1
            if not times:
                return
