"""The rows of a rehearsal: the newest of the project's own, in time order, a day of event time at a time.

Each row is held twice: as the source gave it, which is what goes into the feed, and as the table has it, which is what
a caller knows of it when asking. So nothing has to be known of the project but its `gradino.toml`.
"""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradino.drills.result import Insufficient
from gradino.errors import DataError
from gradino.operate.data.columns import BATCH
from gradino.operate.project import Project
from gradino.operate.project.config import Identity
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions

MOST = 5000  # rows: more would teach nothing that a drill asks
A_DAY = 24  # rows, at most: of a busier project an even part, so that there are days enough
_HISTORY = 0.3  # of the rows that lie in the feed before the first model is trained
_VARIED = 10  # values of a feature by which rows can be told apart
_FEWEST = 300  # rows of history: some to learn from and some to test on
Change = Callable[["pd.Series[Any]", pd.DataFrame], "pd.Series[Any]"]


@dataclass
class Rows:
    """`given` and `known` have the same index, 0 … n − 1; `at` is the next row that nobody has seen yet."""

    identity: Identity
    given: pd.DataFrame
    known: pd.DataFrame
    at: int = 0
    drift: Change | None = field(default=None, repr=False)

    @classmethod
    def newest(cls, project: Project, store: Store) -> "Rows":
        """Those of the newest data version, read only.

        Raises:
            DataError: nothing has been collected, or the raw batches are gone.
        """
        version = store.state.last(data_versions)
        table = store.tables.read("rows", version.version) if version else None
        if version is None or table is None:
            raise DataError(
                f"{project.name} has no rows yet, and a rehearsal needs some",
                "collect them: gradino data collect; or operate it for a while: gradino up",
            )
        identity = project.project
        known = _thinned(table.drop_columns([BATCH]).to_pandas().sort_values(identity.time), identity)
        raw = _raw(store, identity.time, known[identity.time].iloc[0])
        places = _places(raw, identity)
        places = places[~places.duplicated(keep="last")]  # the same row may have come more than once
        known = known.merge(places.assign(**{"#": places.index}), on=list(places)).reset_index(drop=True)
        numbers = known.pop("#")
        return cls(identity, raw.loc[numbers].reset_index(drop=True), known)

    def __len__(self) -> int:
        return len(self.known)

    @property
    def days(self) -> int:
        return int(self.known[self.identity.time].dt.date.nunique())

    @property
    def days_left(self) -> int:
        return int(self.known[self.identity.time].iloc[self.at :].dt.date.nunique())

    def history(self) -> int:
        """Set aside what the first model learns from; how many. Raises Insufficient where there are few."""
        end = max(int(len(self) * _HISTORY), _FEWEST)
        if end >= len(self) - A_DAY:
            raise Insufficient(f"the project has {len(self)} rows, too few to learn from some and live through others")
        times = self.known[self.identity.time].dt.date
        self.at = int((times < times.iloc[end]).sum())
        return self.at

    def day(self) -> "pd.Index[Any]":
        """The next day of event time: the rows of it. Raises Insufficient where all have been lived through."""
        if self.at >= len(self):
            raise Insufficient(f"all {len(self):,} rows of the project have been lived through")
        times = self.known[self.identity.time].iloc[self.at :].dt.date
        found: pd.Index[Any] = times.index[times == times.iloc[0]]
        self.at = int(found[-1]) + 1
        return found

    def asked(self, which: "pd.Index[Any]", inputs: list[str]) -> list[dict[str, Any]]:
        """Requests of one row each: what the model takes, the event time, and the unit where there is one."""
        names = dict.fromkeys([*inputs, *_keys(self.identity)])
        frame = self.known.loc[which, [name for name in names if name in self.known]]
        text = frame.to_json(orient="records", date_format="iso", date_unit="us", double_precision=15)
        requests: list[dict[str, Any]] = json.loads(text)
        return requests

    def truth(self, which: "pd.Index[Any]") -> list[Any]:
        """The labels, as they are now: drifted where a drift was injected."""
        return self.delivered(which)[self.identity.target].tolist()

    def delivered(self, which: "pd.Index[Any]") -> pd.DataFrame:
        """The rows as the source gives them now."""
        frame = self.given.loc[which]
        if self.drift is None:
            return frame
        return frame.assign(**{self.identity.target: self.drift(frame[self.identity.target], self.known.loc[which])})

    def ends(self, which: "pd.Index[Any]") -> datetime:
        """The midnight after rows: when their truth is known."""
        newest: datetime = self.known.loc[which, self.identity.time].iloc[-1].to_pydatetime()
        return newest.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def features(self) -> list[str]:
        """Columns that are neither key nor target."""
        return [str(c) for c in self.known.columns if c not in (*_keys(self.identity), self.identity.target)]

    def number(self) -> str | None:
        """The numeric feature whose values are most alike early and late: what goes by them goes evenly over time."""
        columns = [self.known[c] for c in self.features()]
        numeric = [c for c in columns if pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c)]
        varied = [c for c in numeric if c.nunique() >= _VARIED] or numeric
        late = len(self) * 4 // 5

        def moved(column: "pd.Series[Any]") -> float:
            rank = column.rank(pct=True)
            return abs(float(rank.iloc[late:].mean() - rank.iloc[:late].mean()))

        found = min(varied, key=moved, default=None)
        return None if found is None else str(found.name)


def deliver(frame: pd.DataFrame, file: Path) -> None:
    """Drop a file into a feed; it appears at once or not at all, so nobody reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    frame.to_parquet(part, index=False)
    os.replace(part, file)


def drifted(rows: Rows) -> tuple[Change, str]:
    """A change of the relation between target and features that stays within what the contract has seen, and in words.

    Numbers are stretched from the least one upwards, as demand that grows by half; of the most frequent two classes
    each becomes the other in the upper half of one feature.
    """
    target, seen = rows.identity.target, rows.given[rows.identity.target]
    if rows.identity.task == "regression":
        low, high, whole = float(seen.min()), float(seen.max()), pd.api.types.is_integer_dtype(seen)

        def stretch(values: "pd.Series[Any]", _known: pd.DataFrame) -> "pd.Series[Any]":
            moved = (low + (values.astype(float) - low) * 1.6).clip(low, high)
            return moved.round().astype(seen.dtype) if whole else moved

        return stretch, f"from now on `{target}` lies 1.6 times as far above {low:g} as it did, up to {high:g}"
    often = list(seen.value_counts().index[:2])
    feature = rows.number()
    if feature is None or len(often) < 2:
        raise Insufficient("a drift of classes needs two of them and a numeric feature")
    middle = rows.known[feature].median()

    def permute(values: "pd.Series[Any]", known: pd.DataFrame) -> "pd.Series[Any]":
        swapped = values.map({often[0]: often[1], often[1]: often[0]}).where(values.isin(often), values)
        return values.where((known[feature] <= middle).to_numpy(), swapped).astype(seen.dtype)

    return permute, f"from now on {often[0]} and {often[1]} change places where `{feature}` is above {middle:g}"


def _keys(identity: Identity) -> list[str]:
    return [identity.time, *([identity.unit] if identity.unit else [])]


def _thinned(rows: pd.DataFrame, identity: Identity) -> pd.DataFrame:
    """Evenly, so that a day has at most `A_DAY` rows; then the newest."""
    days = rows[identity.time].dt.date.nunique()
    step = int(np.ceil(len(rows) / max(days, 1) / A_DAY))
    return rows.iloc[::-1].iloc[::step].iloc[:MOST].iloc[::-1]


def _raw(store: Store, time: str, since: pd.Timestamp) -> pd.DataFrame:
    """What the source gave, as it gave it, back to a moment."""
    frames: list[pd.DataFrame] = []
    for row in reversed(store.state.rows(data_versions)):
        content = bytes(store.objects.get(f"raw/{row.raw}.parquet").bytes())
        frames.append(pd.read_parquet(io.BytesIO(content)))
        if _moments(frames[-1][time]).min() <= since:
            break
    return pd.concat(frames[::-1], ignore_index=True)


def _places(raw: pd.DataFrame, identity: Identity) -> pd.DataFrame:
    """The keys of raw rows as the table has them."""
    keys = raw[_keys(identity)]
    return keys.assign(**{identity.time: _moments(keys[identity.time])})


def _moments(times: "pd.Series[Any]") -> "pd.Series[Any]":
    return pd.to_datetime(times, utc=True, errors="coerce", format="ISO8601").dt.as_unit("us")
