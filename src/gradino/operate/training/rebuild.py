"""A recorded version made once more: `python -m gradino.operate.training.rebuild FOLDER`, in its lock's environment.

The folder holds the order; the model and `made.json` are left beside it. The store is only read.
"""

import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from gradino.operate.project import load
from gradino.operate.registry.bundle import ESTIMATORS, HOLDOUT, PREDICTION, sha256
from gradino.operate.registry.model import restore
from gradino.operate.store import Store
from gradino.operate.training import hardware
from gradino.operate.training.job import collected
from gradino.operate.training.order import MADE, ORDER, Order, Result
from gradino.operate.training.recipe import make


def rebuild(order: Order, folder: Path) -> Result:
    """Follow the recipe in `folder`."""
    sys.dont_write_bytecode = True
    code, staged = Path(order.code), folder / "staged"
    project = load(code)
    os.chdir(code)
    rows = collected(Store(Path(order.store)), project, order.data_version)
    with hardware.limited(order.threads or os.cpu_count() or 1):
        made = make(project, code, rows, order.seed, staged, print, order.parameters)
        kept = pd.read_parquet(Path(order.bundle) / HOLDOUT)
        model = restore(staged, "reproduced")
        answers = model.predict(kept[[field.name for field in made.description.inputs]])
    files = {name: sha256(staged / name) for name in ESTIMATORS if (staged / name).exists()}
    then = kept[PREDICTION].to_numpy()
    unlike = np.asarray(answers != then)
    numbers = np.issubdtype(answers.dtype, np.number) and project.project.task == "regression"
    apart = float(np.abs(answers - then).max()) if numbers else float(unlike.any())
    return Result(files, made.metrics, apart, int(unlike.sum()), made.machine)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    found = rebuild(msgspec.json.decode((place / ORDER).read_bytes(), type=Order), place)
    (place / MADE).write_bytes(msgspec.json.encode(found))
