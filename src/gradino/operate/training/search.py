"""Hyper-parameters, by trying: Optuna proposes, rows before the holdout judge, in the order of time."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import sklearn.metrics

from gradino.errors import ProjectError, TrainingError
from gradino.operate.data import frames
from gradino.operate.project import Project
from gradino.operate.project.config import Range
from gradino.operate.training.evaluate import Metric

Fit = Callable[[pd.DataFrame, Mapping[str, Any]], Any]


def search(
    project: Project,
    code: Path,
    measure: tuple[str, Metric],
    past: pd.DataFrame,
    fit: Fit,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """The best parameters found by a tree-structured Parzen estimator (Bergstra et al. 2011) within trials and time.

    A trial's worth is the mean of the project's metric over folds that expand in time: learn from the first rows,
    answer the next. `past` is all it sees. One that raises is a bad trial.

    Raises:
        TrainingError: every trial raised.
        ProjectError: nobody knows whether more or less of the metric is better.
    """
    import optuna  # only where it is asked for

    wanted = project.training.search
    assert wanted is not None
    name, metric = measure
    better = wanted.direction or direction(name)
    target = project.project.target
    pieces = list(folds(past, project.project.time, wanted.folds))

    def worth(trial: optuna.Trial) -> float:
        chosen = {key: _proposed(trial, key, span) for key, span in wanted.space.items()}
        values = [
            metric(after[target].to_numpy(), answers(project, code, fit(before, chosen), after))
            for before, after in pieces
        ]
        return float(np.mean(values))

    def told(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        value = f"{name} {trial.value:.4g}" if trial.value is not None else "failed"
        shown = ", ".join(f"{key} {v:.4g}" if isinstance(v, float) else f"{key} {v}" for key, v in trial.params.items())
        say(f"trial {trial.number + 1} of {wanted.trials}: {value} with {shown}")

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=better, sampler=optuna.samplers.TPESampler(seed=seed))
    seconds = wanted.time.total_seconds() if wanted.time else None
    failed: list[Exception] = []

    def tried(trial: optuna.Trial) -> float:
        try:
            return worth(trial)
        except Exception as error:  # of the project's code, which some parameters do not suit
            failed.append(error)
            raise

    study.optimize(tried, n_trials=wanted.trials, timeout=seconds, catch=(Exception,), callbacks=[told])
    if len(failed) == len(study.trials):
        raise TrainingError(f"each of {len(failed)} trials of the search failed", str(failed[-1])) from failed[-1]
    return dict(study.best_params)


def direction(name: str) -> Literal["minimize", "maximize"]:
    """Whether a metric is to be made small or large, by scikit-learn's own convention for its names."""
    if name in sklearn.metrics.get_scorer_names() or name.endswith("_score"):
        return "maximize"
    if re.search(r"_(error|loss|distance|deviance)$", name):
        return "minimize"
    raise ProjectError(
        f"[training.search]: whether more or less of `{name}` is better, its name does not say",
        'add direction = "minimize" or "maximize" there',
    )


def folds(frame: pd.DataFrame, time: str, count: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """`count` pairs of the rows before a moment and the next ones, of rows sorted by `time`; no moment is in both.

    Raises TrainingError where there are not that many moments.
    """
    times = frame[time]
    cuts = [times.iloc[len(frame) * i // (count + 1)] for i in range(1, count + 1)]
    if len({times.iloc[0], *cuts}) <= count:
        raise TrainingError(
            f"{len(frame)} rows cannot be cut into {count + 1} parts in the order of time",
            "collect rows of more moments, or ask for fewer `folds` in [training.search]",
        )
    for start, end in zip(cuts, [*cuts[1:], None], strict=True):
        later = times >= start if end is None else (times >= start) & (times < end)
        yield frame[times < start].reset_index(drop=True), frame[later].reset_index(drop=True)


def answers(project: Project, code: Path, estimator: Any, frame: pd.DataFrame) -> Any:
    """What the scoring function, or else the estimator, answers to rows without the target."""
    frame = frame.drop(columns=project.project.target)
    if project.scoring.score is None:
        return np.asarray(estimator.predict(frames.given(frame[list(estimator.feature_names_in_)], "pandas")))
    score = project.scoring.score.load(code)
    return np.asarray(score(estimator, frames.given(frame, frames.frame_library(score, parameter=1))))


def _proposed(trial: Any, name: str, span: Range | tuple[Any, ...]) -> Any:
    if not isinstance(span, Range):
        return trial.suggest_categorical(name, span)
    if isinstance(span.low, int) and isinstance(span.high, int):
        return trial.suggest_int(name, span.low, span.high, log=span.log)
    return trial.suggest_float(name, span.low, span.high, log=span.log)
