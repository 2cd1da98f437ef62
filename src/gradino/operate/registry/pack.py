"""Make a bundle: staged where nobody looks, complete and signed before it gets its place."""

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gradino.operate.project.config import FILE
from gradino.operate.registry import bundle, estimator
from gradino.operate.registry.model import Model, restore
from gradino.operate.registry.schema import Description, Reference

_SAMPLE = 200  # rows of the holdout that travel along, for gates


def stage(folder: Path, fitted: Any, tested: Any, code: Path, description: Description) -> tuple[Model, Model]:
    """Write both estimators and the code to `folder` and read them back: what will be served, and what is evaluated."""
    folder.mkdir()
    estimator.save(fitted, folder)
    estimator.save(tested, folder, bundle.TESTED)
    for file in (code / FILE, *code.rglob("*.py")):
        target = folder / bundle.CODE / file.relative_to(code)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    shutil.copyfile(code / bundle.LOCK, folder / bundle.LOCK)
    bundle.write(folder / bundle.SCHEMA, description)
    label = f"staged_{secrets.token_hex(8)}"
    return restore(folder, label), restore(folder, label, tested=True)


def finish(
    folder: Path,
    bundles: Path,
    holdout: pd.DataFrame,
    answers: NDArray[Any],
    reference: Reference,
    lineage: bundle.Lineage,
    private_key: Path,
    link: Path | None = None,
) -> Path:
    """Add what the evaluation showed and what the model answers to the holdout, seal the folder, and move it to
    `bundles/<digest>`; returns that path.

    A `link` leads there from a moment before it is moved: whoever is killed afterwards finds by it what was packed.
    """
    sample = np.linspace(0, len(holdout) - 1, min(len(holdout), _SAMPLE)).astype(int)
    shown = holdout.iloc[sample].assign(**{bundle.PREDICTION: answers[sample]})
    shown.to_parquet(folder / bundle.HOLDOUT, index=False)
    bundle.write(folder / bundle.REFERENCE, reference)
    bundle.write(folder / bundle.LINEAGE, lineage)
    place = bundles / bundle.seal(folder, private_key)
    if link:
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(place, link.parent))
    if place.exists():
        shutil.rmtree(folder)  # the same content under the same name
    else:
        folder.rename(place)
    return place
