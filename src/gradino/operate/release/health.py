"""Whether a model harms the service that runs it: failed requests, slow answers, rows it leaves out.

The numbers are those of the log and of the table `metrics`, which monitoring fills; without them nothing is said.
"""

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gradino.operate.serving.metrics import BUCKETS
from gradino.operate.store import Store
from gradino.operate.store.state import metrics

SHARE = 0.05  # of requests or rows that may fail
_FAILED = 20  # failures below which nothing is said
_ANSWERED = 200  # answers below which nothing is said of their time


def left_out(asked: int, failed: int) -> str | None:
    """What is wrong with a challenger that gave no value for `failed` of `asked` rows; None when nothing is."""
    if failed >= _FAILED and failed > SHARE * asked:
        return f"it gave no answer to {failed} of {asked} rows"
    return None


def counted(predictions: pa.Table | None, version: int) -> tuple[int, int]:
    """Rows that a version was asked in new rows of the log, and those it gave no value for."""
    if predictions is None:
        return 0, 0
    own = predictions.filter(pc.equal(predictions["version"], version))["prediction"]
    missing = own.null_count + (int(pc.sum(pc.is_nan(own)).as_py() or 0) if pa.types.is_floating(own.type) else 0)
    return len(own), missing


def service(store: Store, since: datetime, latency: timedelta) -> str | None:
    """What has gone wrong with the service since a moment of the wall clock; None when nothing has.

    Slow is what was quick enough during the same time before.
    """
    after = store.state.rows(metrics, metrics.c.start >= since)
    if not after:
        return None
    long = after[-1].start - since + timedelta(seconds=after[-1].seconds)
    before = store.state.rows(metrics, metrics.c.start < since, metrics.c.start >= since - long)
    failed, answered = sum(row.failed for row in after), sum(row.answered for row in after)
    if failed >= _FAILED and failed > SHARE * (failed + answered):
        return f"{failed} of {failed + answered} requests failed"
    now, then = _p95(after), _p95(before)
    if now is not None and now > latency.total_seconds() and (then is None or then <= latency.total_seconds()):
        return f"95 % of requests take up to {now * 1000:.0f} ms, more than {latency.total_seconds() * 1000:.0f}"
    return None


def _p95(rows: list[Any]) -> float | None:
    """The upper bound of the bucket that holds it, seconds."""
    counts = [sum(column) for column in zip(*(row.latency for row in rows), strict=True)]
    total = sum(counts)
    if total < _ANSWERED:
        return None
    reached = 0
    for bound, count in zip((*BUCKETS, float("inf")), counts, strict=True):
        reached += count
        if reached >= 0.95 * total:
            return bound
    return None
