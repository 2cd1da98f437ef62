"""Training/serving skew: what callers sent for a moment, against what the table later says of the same moment.

Where the event time (with the unit) tells rows apart, the two are compared row by row. Where it does not, the
distributions of the same span of time are: the world has not changed in between, so what differs is how it was derived.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gradino.inference import drift
from gradino.operate import registry
from gradino.operate.release.candidate import Candidate, Result
from gradino.operate.store import Store

SHARE = 0.05  # of rows in which a feature may differ
_COMMITS, _ROWS = 500, 5000  # of the log: the newest, of at least so many commits if they are small
_LEAST = 100  # rows in both


def compare(candidate: Candidate) -> Result:
    """Compare each feature that the log keeps as it came."""
    from gradino.operate.training.job import collected

    project, store = candidate.project, candidate.store
    time, unit = project.project.time, project.project.unit
    hidden = {*project.serving.drop, *project.serving.hash, time}
    inputs = [field for field in registry.describe(candidate.bundle).inputs if field.name not in hidden]
    log = _newest(store)
    if log is None:
        return Result("pass", "production was asked nothing yet", {})
    asked = log.to_pandas()
    asked = asked[asked["role"] != "shadow"].rename(columns=lambda name: str(name).removeprefix("x_")).tail(_ROWS)
    names = [field.name for field in inputs if field.name in asked]
    asked[time] = pd.to_datetime(asked["event_time"], utc=True)
    version = registry.lineage(candidate.bundle).data_version
    rows = collected(store, project, version).to_pandas()
    rows[time] = pd.to_datetime(rows[time], utc=True)
    keys = [time, *([unit] if unit and unit in asked else [])]
    both = asked[[*keys, *(n for n in names if n not in keys)]].merge(rows, on=keys, suffixes=("", "_table"))
    if not rows.duplicated(keys).any() and len(both) >= _LEAST:
        differ = {n: _differ(both[n], both[f"{n}_table"]) for n in names if f"{n}_table" in both}
        return _told(differ, SHARE, f"of {len(both):,} rows", {"rows": len(both)})
    span = rows[rows[time].between(asked[time].min(), asked[time].max())]
    if min(len(span), len(asked)) < drift.MINIMUM:
        return Result("pass", "too few requests of moments that the table knows to compare them", {"rows": len(both)})
    cells = drift.cells({name: span[name].to_numpy() for name in names})
    pair = [drift.profile({name: frame[name].to_numpy() for name in names}, cells) for frame in (span, asked)]
    found = drift.compare(cells, pair[0], pair[1])
    psi = {name: finding.psi for name, finding in found.items() if finding.verdict == "drift"}
    return _told(psi, 0.0, "(PSI) from the table's in the same span", {"rows": len(asked)})


def _newest(store: Store) -> pa.Table | None:
    """The newest rows of the log, from as few commits as hold enough: one may be a row or two hundred thousand."""
    until, commits = store.tables.version("predictions"), 1
    while True:
        log = store.tables.added("predictions", max(until - commits, -1), until)
        if commits >= _COMMITS or (log is not None and len(log) >= 2 * _ROWS):  # as many again may be a shadow's
            return log
        commits *= 4


def _differ(sent: "pd.Series[Any]", table: "pd.Series[Any]") -> float:
    """The share of rows in which both are there and are not the same."""
    known = sent.notna() & table.notna()
    if pd.api.types.is_numeric_dtype(sent) and pd.api.types.is_numeric_dtype(table):
        same = np.isclose(sent.astype(float), table.astype(float), rtol=1e-6, atol=1e-9)
    else:
        same = (sent.astype(str) == table.astype(str)).to_numpy()
    return float((known & ~same).sum() / max(known.sum(), 1))


def _told(differ: dict[str, float], limit: float, unit: str, evidence: dict[str, Any]) -> Result:
    evidence |= {"differ": differ}
    skewed = {name: value for name, value in differ.items() if value > limit}
    if skewed:
        name = max(skewed, key=lambda name: skewed[name])
        said = f"{len(skewed)} of the features sent differ from the table's, most `{name}`: {skewed[name]:.2g} {unit}"
        return Result("fail", said, evidence)
    return Result("pass", f"{len(differ)} features are sent as the table has them ({unit})", evidence)
