"""The application that uses a model: it asks for predictions, and tells the truth when it knows it."""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_CLIENTS = 8
_IDLE = 2.0  # seconds after which a connection is opened anew


class Answered(NamedTuple):
    """A prediction as the application keeps it; `version` is the model's that answered."""

    id: str
    value: Any
    version: int


@dataclass
class Traffic:
    """Requests to one scoring server, over a few connections. `failed` counts whatever was not answered with 200."""

    port: int
    requests: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    _local: threading.local = field(default_factory=threading.local)
    _count: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(_CLIENTS)

    def healthy(self) -> bool:
        """Whether a model answers; not counted as a request."""
        return read(self.port, "/health") is not None

    def score(self, rows: Sequence[dict[str, Any]]) -> list[Answered | None]:
        """One request a row; None where it failed."""
        return list(self._pool.map(self.one, rows))

    def tell(self, labels: Sequence[tuple[str, Any, str]]) -> None:
        """Send labels: (prediction id, truth, event time at which it became known)."""
        body = {"feedback": [{"id": key, "label": label, "time": time} for key, label, time in labels]}
        self._post("/v1/feedback", body)

    def close(self) -> None:
        self._pool.shutdown()

    def one(self, row: dict[str, Any]) -> Answered | None:
        """One request of one row, from this thread; None where it failed."""
        answer = self._post("/v1/score", {"rows": [row]})
        if answer is None:
            return None
        (found,) = answer["predictions"]
        return Answered(found["id"], found["value"], found.get("version") or answer["version"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        problem, answer = "", None
        try:
            connection = self._connection()
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            if response.status == http.client.OK:
                answer = json.loads(content)
            else:
                problem = f"{path}: {response.status} {content[:200].decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            self._local.connection = None
            problem = f"{path}: {type(error).__name__} {error}"
        with self._count:
            self.requests += 1
            self.failed += bool(problem)
            if problem and len(self.failures) < 10:
                self.failures.append(problem)
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        now = time.monotonic()
        if getattr(self._local, "connection", None) is None or now - self._local.used > _IDLE:
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._local.used = now
        connection: http.client.HTTPConnection = self._local.connection
        return connection


def read(port: int, path: str) -> bytes | None:
    """What a GET is answered with; None where nobody answers, or not with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read()
        return content if response.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
