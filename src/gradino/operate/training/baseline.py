"""What production's rows will be compared with: the run's own rows as counts by day, and where its model errs."""

import itertools
import math
import sys
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gradino.inference import drift, estimate, losses
from gradino.operate.project import Project
from gradino.operate.registry.schema import Baseline, Day, Description, Reference, Slices, Type
from gradino.operate.training.slices import BINS, TOP, is_continuous

ANSWER = "prediction"
_DAYS = 800  # two years, for the same season of each
_MOST = sys.float_info.max
_ROWS = 20_000  # of the holdout, at most, that the estimate is fitted on


def baseline(
    project: Project,
    description: Description,
    past: pd.DataFrame,
    holdout: pd.DataFrame,
    answers: NDArray[Any],
    reference: Reference,
    slices: list[str],
) -> Baseline:
    """The baseline of a model that answered the `holdout` with `answers`; both frames are in time order."""
    time, task = project.project.time, project.project.task
    frame = pd.concat([past, holdout])
    inputs = {f"x_{f.name}": column(frame[f.name], f.type) for f in description.inputs if f.type != "timestamp"}
    output = column(pd.Series(answers), "number" if task == "regression" else "string")
    cells = drift.cells(inputs | {ANSWER: output})
    tested = {name: values[len(past) :] for name, values in inputs.items()} | {ANSWER: output}
    some = np.linspace(0, len(holdout) - 1, min(len(holdout), _ROWS)).astype(int)
    bounded = losses.bounded(task, answers, holdout[project.project.target].to_numpy(), reference.scale)
    kept = holdout.iloc[np.linspace(0, len(holdout) - 1, len(reference.losses)).astype(int)]
    return Baseline(
        cells,
        _days(pd.to_datetime(frame[time], utc=True), inputs, output, cells),
        estimate.fit({name: values[some] for name, values in tested.items()}, cells, bounded[some]),
        (kept[time].dt.day_of_week * 24 + kept[time].dt.hour).tolist(),
        {f"x_{f.name}": _slices(f.name, f.type, past, kept) for f in description.inputs if f.name in slices},
    )


def _slices(name: str, kind: Type, past: pd.DataFrame, kept: pd.DataFrame) -> Slices:
    """The same parts as `slices.cut` makes, as cells that need no frame to find a row's."""
    known, values = past[name].dropna(), column(kept[name], kind)
    cell: drift.Numbers | drift.Categories
    if kind == "string":
        top = [str(value) for value in known.value_counts().index[:TOP]]
        cell, names = drift.Categories(tuple(top), ()), [*(f"= {value}" for value in top), "other", "other"]
    elif is_continuous(known):
        edges = known.quantile(np.arange(1, BINS) / BINS).unique().tolist()
        bounds = [f"{edge:.4g}" for edge in edges]
        middle = [f"{a} … {b}" for a, b in itertools.pairwise(bounds)]
        cell = drift.Numbers((-_MOST, *(math.nextafter(edge, _MOST) for edge in edges)), _MOST)
        names = [f"≤ {bounds[0]}", *middle, f"> {bounds[-1]}", "other", "other"]
    else:
        few = sorted(float(value) for value in known.unique())
        cell, names = drift.Numbers(tuple(few), few[-1]), [*(f"= {value:g}" for value in few), "other", "other"]
    of = drift.place(values, cell).tolist()
    return Slices(cell, [f"{name} {part}" for part in (*names, "missing")], of)


def column(values: "pd.Series[Any]", kind: Type) -> NDArray[Any]:
    """Numbers as float64 with NaN, all else as objects with None: as the log gives them back."""
    if kind in ("number", "integer", "boolean"):
        return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return values.astype(object).to_numpy()


def _days(
    times: "pd.Series[Any]", inputs: dict[str, NDArray[Any]], output: NDArray[Any], cells: drift.Cells
) -> list[Day]:
    """Counts by day. The output is known for the last rows only."""
    days, index = np.unique(times.dt.floor("D").to_numpy(), return_inverse=True)
    tables = {name: _table(values, cells, name, index, len(days)) for name, values in inputs.items()}
    tables[ANSWER] = _table(output, cells, ANSWER, index[len(times) - len(output) :], len(days))
    rows = np.bincount(index, minlength=len(days)).tolist()
    return [
        Day(date.fromisoformat(str(days[i])[:10]), rows[i], {name: tuple(t[i].tolist()) for name, t in tables.items()})
        for i in range(max(len(days) - _DAYS, 0), len(days))
    ]


def _table(values: NDArray[Any], cells: drift.Cells, name: str, day: NDArray[np.intp], days: int) -> NDArray[np.intp]:
    """Counts of one column, shape (days, cells)."""
    size = len(drift.labels(cells.columns[name]))
    places = drift.place(values, cells.columns[name])
    return np.bincount(day * size + places, minlength=days * size).reshape(days, size)
