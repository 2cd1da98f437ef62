"""The scoring server over time: its counters are asked every few seconds and kept by the minute, later by the hour.

A counter that fell belongs to a worker that began anew: what it shows is new since then. Sums and what was seen move in
one transaction, so no request is counted twice. Two days are kept by the minute, 400 by the hour: some 12,000 rows. A
row is of one version, the champion when it was sampled; a challenger that answers a share of the requests is in
`predictions`.
"""

import re
import ssl
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from gradino.operate.project.config import Serving
from gradino.operate.serving.metrics import BUCKETS
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, metrics, now, services

EVERY = 10.0  # seconds between two samples
_SEEN, _TOTALS = "service", "requests"
_SCORING = ("/v1/score", "/invocations")
_MINUTE, _HOUR = 60, 3600
_BY_MINUTE, _KEPT = timedelta(days=2), timedelta(days=400)
_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
Series = dict[str, float]


@dataclass(frozen=True, slots=True)
class Health:
    """The server over a span: `rate` is answers a second, shares are of all requests, latencies are in seconds."""

    requests: int
    rate: float
    failed: float
    refused: float
    p50: float | None
    p99: float | None
    waiting: float
    log_lag: float


def sample(store: Store, serving: Serving, token: str | None = None, at: datetime | None = None) -> bool:
    """Ask the scoring server and add what is new to the current minute; False where it does not answer.

    `token`: of a viewer, which a server beyond this machine wants. Of its certificate only the key is trusted: the
    server is asked by an address that the certificate need not name.
    """
    row = store.state.last(services, services.c.name == "serving")
    if row is None or not row.address:
        return False
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{row.address}/metrics", headers=headers)  # noqa: S310  # our own server
        with urllib.request.urlopen(request, timeout=2, context=_trust(serving)) as answer:  # noqa: S310
            text = answer.read().decode()
    except OSError:
        return False
    record(store, text, at or now())
    return True


def _trust(serving: Serving) -> ssl.SSLContext | None:
    """Trust in exactly the project's certificate; read each time, since it is renewed."""
    if not serving.certificate:
        return None
    context = ssl.create_default_context(cafile=serving.certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def record(store: Store, text: str, at: datetime) -> None:
    """Add what Prometheus text says beyond what was seen before to the row of the minute `at`."""
    found = {m[1] + "{" + (m[2] or "") + "}": float(m[3]) for line in text.splitlines() if (m := _SAMPLE.match(line))}
    seen: Series = store.state.cursor(_SEEN, {})
    more = _more(found, seen, at)
    live = store.state.last(deployments, deployments.c.environment == "production")
    start, version = at.replace(second=0, microsecond=0), live.champion if live else None
    totals = store.state.cursor(_TOTALS, {"answered": 0, "failed": 0})
    totals = {name: totals[name] + more[name] for name in totals}
    with store.state.begin() as connection:
        same = metrics.c.start == start, metrics.c.version.is_not_distinct_from(version)
        known = connection.execute(select(metrics).where(*same)).first()
        if known is None:
            values = {"start": start, "seconds": _MINUTE, "version": version}
            connection.execute(insert(metrics).values(**values, **more))
        else:
            connection.execute(update(metrics).where(metrics.c.id == known.id).values(**_added(known, more)))
        counters = {name: value for name, value in found.items() if _counts(name)}
        store.state.move_cursor(connection, _SEEN, counters)
        store.state.move_cursor(connection, _TOTALS, totals)


def thin(store: Store, at: datetime | None = None) -> None:
    """Bring minutes that are old into one row an hour, and forget what is very old."""
    moment = at or now()
    with store.state.begin() as connection:
        connection.execute(delete(metrics).where(metrics.c.start < moment - _KEPT))
        old = connection.execute(
            select(metrics).where(metrics.c.seconds == _MINUTE, metrics.c.start < moment - _BY_MINUTE)
        ).all()
        hours: dict[tuple[datetime, int | None], list[Row[Any]]] = defaultdict(list)
        for row in old:
            hours[row.start.replace(minute=0), row.version].append(row)
        for (start, version), rows in hours.items():
            if start + timedelta(hours=1) > moment - _BY_MINUTE:
                continue
            total = {name: getattr(rows[0], name) for name in _COLUMNS}
            for row in rows[1:]:
                total |= _added(row, total)
            connection.execute(delete(metrics).where(metrics.c.id.in_([row.id for row in rows])))
            connection.execute(insert(metrics).values(start=start, seconds=_HOUR, version=version, **total))


def health(store: Store, span: timedelta, at: datetime | None = None) -> Health | None:
    """The server over the last `span`; None where nothing was sampled in it."""
    moment = at or now()
    rows = store.state.rows(metrics, metrics.c.start > moment - span - timedelta(seconds=_MINUTE))
    return summary(rows) if rows else None


def by_version(rows: Sequence[Row[Any]]) -> dict[int, Health]:
    """How the service was while each version was champion, oldest first; rows without a champion are left out."""
    mine: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if row.version is not None:
            mine[row.version].append(row)
    return {version: summary(rows) for version, rows in mine.items()}


def summary(rows: Sequence[Row[Any]]) -> Health:
    """Several rows as one."""
    answered, refused, failed = (sum(getattr(row, name) for row in rows) for name in ("answered", "refused", "failed"))
    requests = answered + refused + failed
    counts = [sum(counts) for counts in zip(*(row.latency for row in rows), strict=True)]
    return Health(
        requests,
        answered / max(sum(row.seconds for row in rows), 1),
        failed / requests if requests else 0.0,
        refused / requests if requests else 0.0,
        quantile(counts, 0.5),
        quantile(counts, 0.99),
        max(row.waiting for row in rows),
        rows[-1].log_lag,
    )


def quantile(counts: Sequence[int], share: float) -> float | None:
    """A quantile from a histogram over `BUCKETS`, as Prometheus' `histogram_quantile` interpolates; None when empty."""
    total = sum(counts)
    if not total:
        return None
    rank, below = share * total, 0
    for i, count in enumerate(counts[: len(BUCKETS)]):
        if below + count >= rank and count:
            low = BUCKETS[i - 1] if i else 0.0
            return low + (BUCKETS[i] - low) * (rank - below) / count
        below += count
    return BUCKETS[-1]


_COLUMNS = ("answered", "refused", "failed", "latency", "predictions", "waiting", "log_lag")


def _counts(name: str) -> bool:
    return "_total{" in name or "_bucket{" in name


def _more(found: Series, seen: Series, at: datetime) -> dict[str, Any]:
    """What is new, as the columns of a row."""
    codes = {"answered": 0, "refused": 0, "failed": 0}
    heights: dict[str, list[float]] = defaultdict(lambda: [0.0] * (len(BUCKETS) + 1))
    predictions: dict[str, int] = defaultdict(int)
    waiting, compacted = 0.0, 0.0
    bounds = [*map(str, BUCKETS), "+Inf"]
    for series, value in found.items():
        labels = dict(_LABEL.findall(series))
        before = seen.get(series, 0.0)
        new = value - before if value >= before else value
        name = series.partition("{")[0]
        if name == "gradino_requests_total" and labels["route"] in _SCORING:
            codes[{"2": "answered", "4": "refused"}.get(labels["status"][0], "failed")] += int(new)
        elif name == "gradino_request_seconds_bucket" and labels["route"] in _SCORING and labels["le"] in bounds:
            heights[labels["worker"] + labels["route"]][bounds.index(labels["le"])] += new
        elif name == "gradino_predictions_total" and new:
            predictions[f"v{labels['version']} {labels['role']}"] += int(new)
        elif name == "gradino_waiting_rows":
            waiting += value
        elif name == "gradino_log_compacted_timestamp_seconds":
            compacted = value
    each = [[b - a for a, b in zip([0.0, *h], h, strict=False)] for h in heights.values()]
    latency = [max(int(sum(part)), 0) for part in zip(*each, strict=True)] or [0] * (len(BUCKETS) + 1)
    lag = max(at.timestamp() - compacted, 0.0) if compacted else 0.0
    return codes | {"latency": latency, "predictions": dict(predictions), "waiting": waiting, "log_lag": lag}


def _added(row: Row[Any], more: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row with more added: counts add up, `waiting` is the most, `log_lag` the newest."""
    keys = row.predictions.keys() | more["predictions"].keys()
    return {
        **{name: getattr(row, name) + more[name] for name in ("answered", "refused", "failed")},
        "latency": [a + b for a, b in zip(row.latency, more["latency"], strict=True)],
        "predictions": {key: row.predictions.get(key, 0) + more["predictions"].get(key, 0) for key in sorted(keys)},
        "waiting": max(row.waiting, more["waiting"]),
        "log_lag": more["log_lag"],
    }
