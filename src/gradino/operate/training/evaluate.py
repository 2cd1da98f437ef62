"""How good a model is: on the newest rows, which it has not seen."""

import math
import warnings
from collections.abc import Callable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn.metrics
from numpy.typing import NDArray

from gradino.errors import ProjectError, TrainingError
from gradino.inference import losses
from gradino.operate.project import Project
from gradino.operate.project.reference import Reference
from gradino.operate.registry.schema import Reference as HoldoutLosses
from gradino.operate.training.slices import cut

Metric = Callable[[Any, Any], float]
Slices = dict[str, dict[str, float | None]]
SHARE = 0.2  # of the rows, at most: the rest is there to learn from
WEEKS = timedelta(weeks=4)  # enough to test on, where it is enough rows; and what is tested is that much older
ROWS = 500
_KEPT = 5000
_DEFAULT = {"regression": "mean_absolute_error", "classification": "accuracy_score"}


def split(frame: pd.DataFrame, time: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut rows that are sorted by `time` into the past and the newest, never inside one moment.

    The newest are those of the last four weeks, or 500 if these are fewer, but at most a fifth of all.

    Raises TrainingError when one of the two would be empty.
    """
    times = frame[time]
    enough = min(times.iloc[-1] - WEEKS, times.iloc[max(len(frame) - ROWS, 0)])
    start = max(times.iloc[int(len(frame) * (1 - SHARE))], enough)
    past, holdout = frame[frame[time] < start], frame[frame[time] >= start]
    if past.empty:
        raise TrainingError(
            f"{len(frame)} rows up to {start} cannot be cut into a past to learn from and a future to test on",
            "collect rows of more moments before training",
        )
    return past.reset_index(drop=True), holdout.reset_index(drop=True)


def metric(project: Project, code: Path) -> tuple[str, Metric]:
    """The project's metric and its name: a function of its own, of scikit-learn, or what a scorer there computes."""
    name = project.training.metric or _DEFAULT[project.project.task]
    if ":" in name:
        return name, Reference.parse(name).load(code)
    function = getattr(sklearn.metrics, name, None)
    if callable(function) and not isinstance(function, type):
        return name, function
    known = sklearn.metrics.get_scorer_names()
    if name not in known:
        near = get_close_matches(name, [*known, *dir(sklearn.metrics)], n=1)
        raise ProjectError(
            f"[training] metric: scikit-learn has no metric `{name}`",
            f"did you mean `{near[0]}`?"
            if near
            else "see https://scikit-learn.org/stable/modules/model_evaluation.html",
        )
    scorer = sklearn.metrics.get_scorer(name)
    return name, lambda truth, answer: scorer._sign * scorer._score_func(truth, answer, **scorer._kwargs)


def evaluate(
    project: Project, measure: tuple[str, Metric], past: pd.DataFrame, holdout: pd.DataFrame, answers: NDArray[Any]
) -> tuple[dict[str, float], HoldoutLosses]:
    """Metrics by name – the project's metric first, then what always answering the middle would get – and the losses.

    Raises TrainingError where an answer is missing or the metric is no number.
    """
    task, target = project.project.task, project.project.target
    truth = holdout[target].to_numpy()
    _check(task, answers, len(truth))
    name, function = measure
    metrics = {
        name: _number(name, function, truth, answers),
        "baseline": _number(name, function, truth, np.full(len(truth), middle(past[target], task), dtype=truth.dtype)),
    }
    scale = losses.scale(np.abs(answers - truth)) if task == "regression" else 1.0
    bounded = losses.bounded(task, answers, truth, scale)
    mean = float(bounded.mean())
    metrics |= {"loss_scale": scale, "reference_loss": mean, "rows": len(past), "holdout_rows": len(holdout)}
    kept = np.linspace(0, len(bounded) - 1, min(len(bounded), _KEPT)).astype(int)
    since = pd.to_datetime(holdout[project.project.time], utc=True).min().to_pydatetime()
    return metrics, HoldoutLosses(scale, len(bounded), mean, bounded[kept].round(6).tolist(), since)


def by_slice(
    project: Project,
    measure: tuple[str, Metric],
    past: pd.DataFrame,
    holdout: pd.DataFrame,
    answers: NDArray[Any],
    scale: float,
) -> Slices:
    """Rows, metric and mean bounded loss of each slice of the holdout; the metric is None where it is undefined there.

    Raises ProjectError for a slice's column that the table does not have.
    """
    try:
        found = cut(past, holdout, project.training.slices)
    except ValueError as error:
        raise ProjectError(f"[training] slices: {error}", "correct `slices` in gradino.toml") from None
    truth = holdout[project.project.target].to_numpy()
    bounded = losses.bounded(project.project.task, answers, truth, scale)
    return {
        name: {"rows": int(rows.sum()), measure[0]: _defined(measure, truth[rows], answers[rows]),
               "loss": float(bounded[rows].mean())}
        for name, rows in found.items()
    }  # fmt: skip


def middle(target: "pd.Series[Any]", task: str) -> Any:
    """What somebody answers who knows nothing of a row: the median, or the commonest class."""
    return target.median() if task == "regression" else target.mode().iloc[0]


def _check(task: str, answers: NDArray[Any], rows: int) -> None:
    if answers.shape != (rows,):
        raise TrainingError(
            f"the model answers {rows} rows with an array of shape {answers.shape}", "let it give one value per row"
        )
    if task == "regression" and not (np.issubdtype(answers.dtype, np.number) and np.isfinite(answers).all()):
        raise TrainingError("the model answers some rows of the holdout with no finite number", "see which rows")


def _defined(measure: tuple[str, Metric], truth: Any, answers: Any) -> float | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one class only, say
        try:
            return _number(*measure, truth, answers)
        except (ProjectError, TrainingError):
            return None


def _number(name: str, function: Metric, truth: Any, answers: Any) -> float:
    try:
        value = float(function(truth, answers))
    except Exception as error:  # a metric that does not suit the task says so in many ways
        raise ProjectError(
            f"[training] metric: `{name}` cannot compare {truth.dtype} with {answers.dtype}: {error}",
            "choose a metric of predicted values that suits the task",
        ) from error
    if not math.isfinite(value):
        raise TrainingError(
            f"[training] metric: `{name}` gave {value} on the holdout", "choose one that is defined there"
        )
    return value
