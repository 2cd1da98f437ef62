"""A real scoring server in the `test` environment: does it answer as in training, and within its budget?"""

import http.client
import json
import math
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import psutil
import pyarrow.parquet as pq

from gradino.errors import ReleaseError
from gradino.operate import registry, serving
from gradino.operate.project.process import Job, start
from gradino.operate.registry.bundle import HOLDOUT, PREDICTION
from gradino.operate.release.candidate import Candidate, Result
from gradino.operate.release.rollout import TEST, deploy

_PATIENCE = 60.0  # seconds until the server must be live
_ROWS = 50
_TIMED = 200  # requests of one row


def examine(candidate: Candidate) -> Result:
    """Deploy the candidate to `test`, ask it what the holdout asked, and what nobody should ask."""
    inputs = registry.describe(candidate.bundle).inputs
    holdout = pq.read_table(candidate.bundle / HOLDOUT).slice(0, _ROWS).to_pylist()
    with server(candidate) as (connection, _):
        wrong = 0
        for row in holdout:
            status, answer = _post(connection, {field.name: _plain(row[field.name]) for field in inputs})
            wrong += status != http.client.OK or not _same(answer["predictions"][0]["value"], row[PREDICTION])
        good = {field.name: _plain(holdout[0][field.name]) for field in inputs}
        accepted = [name for name, bad in _mistakes(good, inputs).items() if _post(connection, bad)[0] != 422]
    evidence = {"rows": len(holdout), "different": wrong, "accepted": accepted}
    if wrong:
        return Result("fail", f"{wrong} of {len(holdout)} answers differ from those in training", evidence)
    if accepted:
        return Result("fail", f"it accepts a row with {' and '.join(accepted)}", evidence)
    return Result("pass", f"{len(holdout)} answers are those of training, wrong rows are refused", evidence)


def measure(candidate: Candidate) -> Result:
    """Time and memory that the server takes for requests of one row, against `latency` and `memory` of [release]."""
    settings, inputs = candidate.project.release, registry.describe(candidate.bundle).inputs
    rows = pq.read_table(candidate.bundle / HOLDOUT).to_pylist()
    seconds = []
    with server(candidate) as (connection, process):
        for i in range(_TIMED):
            row = {field.name: _plain(rows[i % len(rows)][field.name]) for field in inputs}
            began = time.monotonic()
            _post(connection, row)
            seconds.append(time.monotonic() - began)
        memory = psutil.Process(process).memory_info().rss
    p95, budget = sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1], settings.latency.total_seconds()
    evidence = {"requests": len(seconds), "p95_ms": round(p95 * 1000, 2), "memory_mib": round(memory / 2**20)}
    says = f"95 % of requests take up to {p95 * 1000:.1f} ms, the server {memory / 2**20:.0f} MiB"
    over = [f"more than {budget * 1000:.0f} ms"] if p95 > budget else []
    over += [f"more than {settings.memory / 2**20:.0f} MiB"] if memory > settings.memory else []
    return Result("fail", f"{says}: {' and '.join(over)}", evidence) if over else Result("pass", says, evidence)


def _mistakes(good: dict[str, Any], inputs: list[registry.Field]) -> dict[str, dict[str, Any]]:
    """Rows that no client should get an answer for."""
    mistakes = {"an unknown field": good | {"no such field": 1}}
    for field in inputs:
        if not field.nullable:
            mistakes[f"no `{field.name}`"] = {k: v for k, v in good.items() if k != field.name}
        mistakes[f"an object as `{field.name}`"] = good | {field.name: {"is": "wrong"}}
    return mistakes


class _Shared(ExitStack):
    """What lasts until the end of `one_server`."""

    server: "tuple[http.client.HTTPConnection, int] | None" = None


_shared: ContextVar[_Shared | None] = ContextVar("shared", default=None)


@contextmanager
def one_server() -> Iterator[None]:
    """Within it, the server that one gate starts answers the next ones too: a start takes seconds."""
    with _Shared() as stack:
        token = _shared.set(stack)
        try:
            yield
        finally:
            _shared.reset(token)


@contextmanager
def server(candidate: Candidate) -> Iterator[tuple[http.client.HTTPConnection, int]]:
    """A scoring server of the test environment that serves the candidate, and its process; gone afterwards.

    There is one at a time, whoever asks.
    """
    stack = _shared.get()
    if stack is None:
        with _started(candidate) as started:
            yield started
    else:
        stack.server = stack.server or stack.enter_context(_started(candidate))
        yield stack.server


@contextmanager
def _started(candidate: Candidate) -> Iterator[tuple[http.client.HTTPConnection, int]]:
    with candidate.store.alone("test-server"):
        deploy(candidate.store, TEST, candidate.version, f"gates of v{candidate.version}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        root = candidate.project.root
        job = start(serving.serve_embedded, candidate.log, root, TEST, port, "buffered")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            _wait(job, connection, candidate.version)
            yield connection, job.pid
        finally:
            connection.close()
            job.kill()
            shutil.rmtree(candidate.store.folder("wal", TEST))


def _wait(job: Job[None], connection: http.client.HTTPConnection, version: int) -> None:
    deadline, said = time.monotonic() + _PATIENCE, ""
    while time.monotonic() < deadline and not job.ended:
        try:
            connection.request("GET", "/health")
            said = connection.getresponse().read().decode()
            if json.loads(said).get("version") == version:
                return
        except (OSError, http.client.HTTPException):
            connection.close()
        time.sleep(0.05)
    raise ReleaseError(f"the test server did not come to serve v{version}: {said[:300]}", "see the log of the gates")


def _post(connection: http.client.HTTPConnection, row: dict[str, Any]) -> tuple[int, Any]:
    body = json.dumps({"rows": [row]})
    connection.request("POST", "/v1/score", body, {"content-type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def _same(answer: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return math.isclose(float(answer), expected, rel_tol=1e-9, abs_tol=1e-12)
    return str(answer) == str(expected)
