"""What a worker counts, and all workers' counts as Prometheus text.

Each series carries the worker's number, so that a restarted worker's counters begin anew without pulling a sum down.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
Family = tuple[str, str, str]  # name, type, help


class Requests:
    """Counted in the event loop."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.latency: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def count(self, route: str, status: int, seconds: float) -> None:
        self.answers[route, status] += 1
        self.latency[route][bisect_left(BUCKETS, seconds)] += 1
        self.seconds[route] += seconds


class Snapshot(msgspec.Struct, frozen=True):
    """What one worker tells the others."""

    worker: int
    pid: int
    deployment: int | None = None
    champion: int | None = None
    challenger: int | None = None
    weight: float = 0.0
    evaluator: str | None = None  # what answers for the champion, and if it is Python, why
    error: str | None = None
    answers: list[tuple[str, int, int]] = []
    latency: list[tuple[str, list[int], float]] = []
    predictions: list[tuple[int, str, int]] = []
    shadow_errors: int = 0
    shadow_dropped: int = 0
    waiting_rows: int = 0
    log_waiting: int = 0
    log_commits: int = 0
    log_errors: int = 0


def text(snapshots: Sequence[Snapshot], log_bytes: int, compacted: float) -> str:
    """The exposition format, version 0.0.4. `compacted` is when the compactor last ended, Unix time."""
    lines: list[str] = []
    families: list[tuple[Family, list[str]]] = [
        (("gradino_requests_total", "counter", "Answers by route and status."), list(_answers(snapshots))),
        (("gradino_request_seconds", "histogram", "Time from request to answer."), list(_latency(snapshots))),
        (
            ("gradino_predictions_total", "counter", "Predictions by model version and role."),
            [
                f'gradino_predictions_total{{worker="{s.worker}",version="{version}",role="{role}"}} {count}'
                for s in snapshots
                for version, role, count in s.predictions
            ],
        ),
        *[
            ((f"gradino_{name}", kind, said), [f'gradino_{name}{{worker="{s.worker}"}} {value}' for s, value in found])
            for name, kind, said, found in _plain(snapshots)
        ],
        (
            ("gradino_log_bytes", "gauge", "Bytes of write-ahead segments on the disk."),
            [f"gradino_log_bytes {log_bytes}"],
        ),
        (
            ("gradino_log_compacted_timestamp_seconds", "gauge", "When the compactor last ended; 0 when never."),
            [f"gradino_log_compacted_timestamp_seconds {compacted}"],
        ),
    ]
    for (name, kind, said), samples in families:
        lines += [f"# HELP {name} {said}", f"# TYPE {name} {kind}", *samples]
    return "\n".join(lines) + "\n"


def _plain(snapshots: Sequence[Snapshot]) -> Iterator[tuple[str, str, str, list[tuple[Snapshot, float]]]]:
    for name, kind, said, attribute in (
        ("shadow_errors_total", "counter", "Rows the shadow model failed on.", "shadow_errors"),
        ("shadow_dropped_total", "counter", "Rows the shadow path had no room for.", "shadow_dropped"),
        ("waiting_rows", "gauge", "Rows that wait for an answer.", "waiting_rows"),
        ("log_waiting", "gauge", "Groups that wait for a flush of the prediction log.", "log_waiting"),
        ("log_commits_total", "counter", "Flushes of the prediction log.", "log_commits"),
        ("log_errors_total", "counter", "Flushes of the prediction log that failed.", "log_errors"),
    ):
        yield name, kind, said, [(s, getattr(s, attribute)) for s in snapshots]
    live = [(s, s.deployment) for s in snapshots if s.deployment is not None]
    yield "deployment", "gauge", "The deployment that is live.", live  # type: ignore[misc]


def _answers(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    for s in snapshots:
        for route, status, count in s.answers:
            yield f'gradino_requests_total{{worker="{s.worker}",route="{route}",status="{status}"}} {count}'


def _latency(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    for s in snapshots:
        for route, counts, seconds in s.latency:
            labels = f'worker="{s.worker}",route="{route}"'
            total = 0
            for bound, count in zip((*BUCKETS, "+Inf"), counts, strict=True):
                total += count
                yield f'gradino_request_seconds_bucket{{{labels},le="{bound}"}} {total}'
            yield f"gradino_request_seconds_sum{{{labels}}} {seconds}"
            yield f"gradino_request_seconds_count{{{labels}}} {total}"
