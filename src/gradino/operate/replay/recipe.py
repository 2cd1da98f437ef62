"""How a model is made and what it answers: the project's own functions, or a default where there is no project.

A model depends only on how many of the oldest rows it learnt from. So it is fitted once for all policies that ask for
the same rows, and answers all later rows at once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from gradino.inference import losses
from gradino.operate.data import frames
from gradino.operate.project import Project
from gradino.operate.replay.features import Features
from gradino.operate.replay.history import History

Train = Callable[[int], NDArray[Any]]
"""(rows to learn from, the oldest) → answers, one for each later row."""


class Recipe:
    """Models by the rows they learnt from: `errors(rows)`, shape (n,), NaN for those rows; `seconds` were spent."""

    def __init__(self, history: History, train: Train) -> None:
        self._history, self._train = history, train
        self._errors: dict[int, NDArray[np.float64]] = {}

    @property
    def fits(self) -> int:
        """Models made so far."""
        return len(self._errors)

    def errors(self, rows: int) -> NDArray[np.float64]:
        """The loss of each row: the absolute error in the unit of the target, or 0 and 1."""
        if rows not in self._errors:
            truth = self._history.label[rows:]
            with threadpool_limits(1):  # threads that wait for each other cost more than they bring to fits this small
                answers = np.asarray(self._train(rows))
            if self._history.task == "regression":
                lost = np.abs(answers.astype(np.float64) - truth)
            else:
                lost = losses.bounded("classification", answers, truth)
            self._errors[rows] = np.concatenate([np.full(rows, np.nan), lost])
        return self._errors[rows]


def default(history: History, features: Features) -> Train:
    """Gradient-boosted trees of scikit-learn with a fixed seed."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if history.task == "regression" else HistGradientBoostingClassifier
    label, matrix = history.label, features.matrix

    def train(rows: int) -> NDArray[Any]:
        if history.task == "classification" and len(np.unique(label[:rows])) < 2:
            return np.full(len(label) - rows, label[0])  # so far there is one class
        model = kind(max_iter=60, early_stopping=False, random_state=0, categorical_features=features.categorical).fit(
            matrix[:rows], label[:rows]
        )
        answers: NDArray[Any] = model.predict(matrix[rows:])
        return answers

    return train


def of(project: Project, frame: pd.DataFrame) -> Train:
    """The project's `train`, and its `score` or what the estimator reads; `frame` is in time order, times in UTC."""
    function = project.training.train.load(project.root)
    score = project.scoring.score.load(project.root) if project.scoring.score else None
    target = project.project.target

    def train(rows: int) -> NDArray[Any]:
        estimator = function(frames.given(frame.iloc[:rows].reset_index(drop=True), frames.frame_library(function, 0)))
        later = frame.iloc[rows:].drop(columns=target).reset_index(drop=True)
        if score:
            return np.asarray(score(estimator, frames.given(later, frames.frame_library(score, 1))))
        return np.asarray(estimator.predict(frames.given(later[list(estimator.feature_names_in_)], "pandas")))

    return train
