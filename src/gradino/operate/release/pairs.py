"""What both models lost on the same rows: the one material of an experiment, and its fingerprint.

A table of pairs has the columns `id`, `day` (of the event time), `champion` and `challenger` (bounded losses), in the
order in which they count. `chained` is a SHA-256 per row over the one before, so that a digest of many rows grows with
them and fixes their order.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SCHEMA = pa.schema({"id": pa.string(), "day": pa.string(), "champion": pa.float64(), "challenger": pa.float64()})


def live(outcomes: pa.Table, champion: int, challenger: int) -> pa.Table:
    """The pairs among new rows of the table `outcomes`: requests that both models scored, in the order of their labels.

    A row without a loss, a request that only one of them scored and one that is there twice make no pair.
    """
    columns = ["prediction_id", "label_time", "event_time", "loss"]
    theirs, ours = (
        outcomes.filter(pc.and_(pc.equal(outcomes["version"], version), pc.is_finite(outcomes["loss"])))
        .select(columns)
        .sort_by("label_time")
        .group_by("prediction_id", use_threads=False)
        .aggregate([(column, "first") for column in columns[1:]])
        for version in (champion, challenger)
    )
    both = theirs.join(ours, "prediction_id", right_suffix="_challenger", join_type="inner")
    both = both.sort_by([(key, "ascending") for key in ("label_time_first", "event_time_first", "prediction_id")])
    return pa.table(
        [
            both["prediction_id"],
            pc.strftime(both["event_time_first"], format="%Y-%m-%d"),
            both["loss_first"],
            both["loss_first_challenger"],
        ],
        schema=SCHEMA,
    )


def differences(pairs: pa.Table) -> tuple[NDArray[np.float64], list[str]]:
    """loss(champion) − loss(challenger), shape (n,), and the day of each."""
    return pc.subtract(pairs["champion"], pairs["challenger"]).to_numpy(), pairs["day"].to_pylist()


def chained(before: str, rows: Iterable[Iterable[Any]]) -> str:
    """The digest of all rows so far; each value counts with its full precision."""
    for row in rows:
        line = "\t".join(map(repr, row))
        before = hashlib.sha256(f"{before}\n{line}".encode()).hexdigest()
    return before


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table, as they are chained and exported."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
