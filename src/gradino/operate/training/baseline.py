"""What production's rows will be compared with: the run's own rows as counts by day, and where its model errs."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gradino.inference import drift, estimate, losses
from gradino.operate.project import Project
from gradino.operate.registry.schema import Baseline, Day, Description, Reference, Type

ANSWER = "prediction"
_DAYS = 800  # two years, for the same season of each
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
        (kept[time].dt.weekday * 24 + kept[time].dt.hour).tolist(),
        {name: kept[name].astype(str).tolist() for name in slices},
    )


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
