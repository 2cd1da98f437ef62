"""A project's own history: its rows, its contract, its `train` and `score`."""

import os
import sys
from pathlib import Path

import pandas as pd

from gradino.errors import DataError
from gradino.operate.data import contract
from gradino.operate.project import Project
from gradino.operate.replay import history, recipe
from gradino.operate.replay.history import History
from gradino.operate.replay.recipe import Recipe
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions
from gradino.operate.training.job import collected


def prepare(project: Project, file: Path | None) -> tuple[History, Recipe]:
    """The rows of a file that look as the source delivers them, or without one those that the project has collected.

    The project's code is run in this process, from its folder.

    Raises:
        DataError: nothing was collected yet, a column is missing, or too few rows are good.
    """
    identity, notes = project.project, []
    if file is None:
        store = Store.of(project.root)
        data = store.state.last(data_versions)
        if data is None:
            raise DataError(f"{project.name} has collected no rows yet", "give some: --data FILE, or run `gradino up`")
        good = collected(store, project, data.version).to_pandas()
        notes.append("the rows are those that the project has collected")
    else:
        good, notes = _judged(project, history.read(file))
    if len(good) < history.LEAST:
        raise DataError(f"{len(good)} good rows are too few to replay", f"give at least {history.LEAST}")
    good = good.sort_values([identity.time, *([identity.unit] if identity.unit else [])], kind="stable")
    good = good.reset_index(drop=True)
    times = good[identity.time].dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    frame = good.drop(columns=[identity.target, identity.time])
    read = History(times, frame, good[identity.target], identity.task, True, notes)
    os.chdir(project.root)
    sys.dont_write_bytecode = True
    return read, Recipe(read, recipe.of(project, good))


def _judged(project: Project, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    model = project.data.schema_.load(project.root) if project.data.schema_ else None
    good, reasons = contract.judge(frame.reset_index(drop=True), project.project, model)
    if reasons.empty:
        return good, []
    often = reasons.mode().iloc[0]
    return good, [f"{len(reasons):,} rows break the contract and are left out; most often: {often}"]
