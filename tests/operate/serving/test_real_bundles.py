"""The server as people start it, with signed bundles; and inside a job, as the release gates do."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from gradino.operate.project.process import start
from gradino.operate.registry.bundle import CODE, LOCK, Lineage
from gradino.operate.registry.keys import private_key
from gradino.operate.registry.pack import finish, stage
from gradino.operate.registry.schema import Description, Field, Reference
from gradino.operate.serving import serve_embedded
from tests.operate import records
from tests.operate.serving.conftest import ROW, Place, Server, free_port

INPUTS = [
    Field("temperature", "number", minimum=-50.0, maximum=60.0),
    Field("riders", "integer", nullable=True),
    Field("weather", "string", categories=["clear", "rain"]),
    Field("holiday", "boolean"),
    Field("hour", "timestamp"),
]
SCORE = "def score(model, frame):\n    return model.predict(frame[['temperature']]) * {factor}\n"


def pack(place: Place, factor: int) -> str:
    """A bundle that answers `factor` times the temperature; returns its digest."""
    frame = pd.DataFrame({"temperature": np.arange(8.0)})
    code = place.root / CODE
    code.mkdir()
    (code / "gradino.toml").write_text("")
    (code / LOCK).write_text("version = 1\n")
    (code / "scoring.py").write_text(SCORE.format(factor=factor))
    fitted = LinearRegression().fit(frame, frame["temperature"])
    staged = place.root / "staged"
    description = Description("toys", "regression", "rentals", "hour", "scoring:score", None, INPUTS)
    stage(staged, fitted, fitted, code, description)
    lineage = Lineage("run", None, None, "code", "lock", 0, "data", factor, "tracker", {})
    bundles, key = place.store.folder("bundles"), private_key(place.store)
    losses = Reference(1.0, 8, 0.1, [0.1], records.START)
    path = finish(staged, bundles, frame, frame["temperature"].to_numpy(), losses, lineage, key)
    shutil.rmtree(code)
    return path.name


@pytest.mark.slow
def test_the_command_serves_bundles_and_refuses_one_that_was_tampered_with(place: Place) -> None:
    for number in (1, 2, 3):
        place.version(number, pack(place, number))
    tampered = place.store.root / "bundles" / pack(place, 4)
    (tampered / CODE / "scoring.py").write_text("raise SystemExit\n")
    place.version(4, tampered.name)
    place.deploy(1, challenger=2)
    port = free_port()
    command = [sys.executable, "-m", "gradino.operate.serving", "--project", str(place.root), "--port", str(port)]
    output = place.root / "server.log"
    with output.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = Server(process, port, output, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
    try:
        server.serves(1, 60)
        answer = server.score(ROW | {"temperature": 21.0}).json()
        assert answer["predictions"][0]["value"] == pytest.approx(21.0)
        server.serves(place.deploy(3))
        assert server.score(ROW | {"temperature": 7.0}).json()["predictions"][0]["value"] == pytest.approx(21.0)
        place.deploy(4)
        server.until(lambda: server.client.get("/health").json()["status"] == "degraded")
        assert "scoring.py was changed" in server.client.get("/health").json()["error"]
        assert server.score(ROW).json()["version"] == 3
    finally:
        server.stop()
    assert process.returncode == 0
    assert "Traceback" not in output.read_text()


@pytest.mark.slow
def test_a_job_serves_the_test_environment_and_is_gone_when_stopped(place: Place) -> None:
    place.version(1, pack(place, 2))
    place.deploy(1, where="test")
    port = free_port()
    job = start(serve_embedded, place.root / "job.log", place.root, "test", port, "buffered")
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = httpx.post(f"http://127.0.0.1:{port}/v1/score", json={"rows": [ROW]}, timeout=30)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, (place.root / "job.log").read_text()
                time.sleep(0.05)
        assert answer.json()["predictions"][0]["value"] == pytest.approx(6.0)
    finally:
        job.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health", timeout=5)


def test_workers_end_with_their_supervisor_and_the_port_is_free_again(place: Place, serve: type) -> None:
    place.version(1, "times:1")
    place.deploy(1)
    server = serve(workers=2)
    pids = [w["pid"] for w in server.workers()]
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(httpx.ConnectError):
        server.client.get("/health")


def test_a_stop_lets_requests_in_flight_end(place: Place, serve: type) -> None:
    place.version(1, "slow:0.7")
    place.deploy(1)
    server = serve()
    server.serves(1)
    asking = subprocess.Popen(
        [sys.executable, "-c", ASK, str(server.port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert asking.stdout
    assert asking.stdout.readline() == "asking\n"
    time.sleep(0.3)
    os.kill(server.process.pid, signal.SIGTERM)
    assert asking.communicate(timeout=30)[0] == "200\n"
    assert server.process.wait(15) == 0


ASK = """
import http.client, json, sys
body = json.dumps({"rows": [{"temperature": 3, "weather": "rain", "holiday": False, "hour": "2011-01-01T05:00:00Z"}]})
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("POST", "/v1/score", body)
print("asking", flush=True)
print(connection.getresponse().status, flush=True)
"""
