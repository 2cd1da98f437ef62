"""How good a model is, on rows that are newer than all it has seen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gradino.errors import ProjectError, TrainingError
from gradino.operate.project import Project
from gradino.operate.training.evaluate import evaluate, metric, split

PAST = pd.DataFrame({"sold": [1.0, 2.0, 9.0]})
HOLDOUT = pd.DataFrame({"sold": [2.0, 4.0]})


def project(task: str = "regression", name: str | None = None) -> Project:
    return Project(
        root=Path(),
        project={"name": "shop", "task": task, "target": "sold", "time": "hour"},  # type: ignore[arg-type]
        data={"source": "shop:collect"},  # type: ignore[arg-type]
        training={"train": "shop:train", "metric": name},  # type: ignore[arg-type]
    )


def measured(
    answers: NDArray[np.generic], past: pd.DataFrame = PAST, holdout: pd.DataFrame = HOLDOUT, **kind: str
) -> dict[str, float]:
    found, holdout = project(**kind), holdout.assign(hour=pd.Timestamp("2024-01-01"))
    return evaluate(found, metric(found, Path()), past, holdout, answers)[0]


@given(st.lists(st.integers(0, 30), min_size=2, max_size=60).map(sorted))
def test_no_row_of_the_future_is_learned_from(moments: list[int]) -> None:
    frame = pd.DataFrame({"hour": pd.to_datetime(moments, unit="h", utc=True)})
    try:
        past, holdout = split(frame, "hour")
    except TrainingError:
        assert moments.count(moments[0]) > 0.8 * len(moments)
        return
    assert past["hour"].max() < holdout["hour"].min()
    assert len(past) + len(holdout) == len(moments)
    assert len(holdout) >= 0.2 * len(moments)


def test_a_regression_is_compared_with_answering_the_median() -> None:
    metrics = measured(np.array([2.0, 5.0]))
    assert metrics == {
        "mean_absolute_error": 0.5,
        "baseline": 1.0,
        "loss_scale": pytest.approx(0.95),
        "reference_loss": pytest.approx(0.5),
        "rows": 3,
        "holdout_rows": 2,
    }


def test_a_classification_is_compared_with_the_commonest_class() -> None:
    past, holdout = pd.DataFrame({"sold": ["much", "little", "much"]}), pd.DataFrame({"sold": ["little", "little"]})
    metrics = measured(np.array(["little", "much"]), past, holdout, task="classification")
    assert (metrics["accuracy_score"], metrics["baseline"], metrics["reference_loss"]) == (0.5, 0.0, 0.5)


def test_a_scorer_is_computed_from_the_answers_with_its_sign() -> None:
    assert measured(np.array([2.0, 5.0]), name="neg_mean_absolute_error")["neg_mean_absolute_error"] == -0.5
    assert measured(np.array([2.0, 5.0]), name="r2")["r2"] == 0.5


def test_a_misspelt_metric_is_an_error_with_the_right_one() -> None:
    with pytest.raises(ProjectError, match="no metric `mean_absolut_error`\ndid you mean `mean_absolute_error`"):
        measured(np.array([2.0, 5.0]), name="mean_absolut_error")


def test_a_metric_that_does_not_suit_the_answers_is_the_projects_error() -> None:
    with pytest.raises(ProjectError, match="`f1_score` cannot compare float64 with float64"):
        measured(np.array([2.0, 5.0]), name="f1_score")


@pytest.mark.parametrize("answers", [[1.0, np.nan], [1.0, np.inf], [[1.0], [2.0]], [1.0], ["a", "b"]])
def test_a_model_that_does_not_answer_every_row_with_a_number_is_refused(answers: list[object]) -> None:
    with pytest.raises(TrainingError, match="the model answers"):
        measured(np.array(answers))
