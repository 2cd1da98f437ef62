"""The application that uses the model: it asks for predictions, and tells the truth a day later."""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

_CLIENTS = 8
_IDLE = 2.0  # seconds after which a connection is opened anew


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
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def score(self, rows: Sequence[dict[str, Any]]) -> list[tuple[str, float] | None]:
        """One request a row; id and value of each prediction, None where the request failed."""
        return list(self._pool.map(self._score, rows))

    def tell(self, labels: Sequence[tuple[str, float, str]]) -> None:
        """Send labels: (prediction id, truth, event time at which it became known)."""
        body = {"feedback": [{"id": key, "label": label, "time": time} for key, label, time in labels]}
        self._post("/v1/feedback", body)

    def close(self) -> None:
        self._pool.shutdown()

    def _score(self, row: dict[str, Any]) -> tuple[str, float] | None:
        answer = self._post("/v1/score", {"rows": [row]})
        if answer is None:
            return None
        prediction = answer["predictions"][0]
        return prediction["id"], prediction["value"]

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
