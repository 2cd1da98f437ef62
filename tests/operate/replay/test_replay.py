"""Policies through history: nobody sees the future, what does not help is refused, what helps is taken."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from gradino.errors import DataError
from gradino.operate.project.config import Release, Retraining
from gradino.operate.replay import Replayed, baselines, compare, history
from gradino.operate.replay.recipe import Recipe, Train

N = 4800
DAY = timedelta(days=1)
HOURS = pd.date_range("2024-01-01", periods=N, freq="h")


def past(y: np.ndarray, task: str = "regression") -> history.History:
    return history.order(pd.DataFrame({"when": HOURS, "x": 0.0, "y": y}), "when", "y", task)


def mean(read: history.History) -> Train:
    """A model that answers the mean of what it learnt from last."""
    return lambda rows: np.full(len(read.label) - rows, read.label[max(rows - 300, 0) : rows].mean())


def run(read: history.History, train: Train, policies: list[str], **settings: object) -> Replayed:
    retraining = Retraining.model_validate({"min_labels": 240} | settings)
    return compare.replay(read, Recipe(read, train), policies, DAY, retraining, Release())


def noise(level: np.ndarray | float, seed: int = 0) -> np.ndarray:
    return level + np.random.default_rng(seed).normal(0, 1, N)


def test_a_stream_that_moves_is_followed_and_pays() -> None:
    read = past(noise(np.repeat([0.0, 5.0, 10.0, 5.0], N // 4)))
    never, aware = run(read, mean(read), ["never", "cost-aware"]).comparison.policies
    assert (never.retrains, never.promotions) == (0, 0)
    assert never.alarms == 1
    assert aware.promotions >= 3
    assert aware.loss < 0.6 * never.loss
    assert aware.cost < 0.6 * never.cost


def test_where_retraining_makes_it_worse_the_challenger_is_refused() -> None:
    """The first model is the truth, all later ones are beside it: the experiment lets none of them through."""
    read = past(noise(0.0))

    def train(rows: int) -> np.ndarray:
        return np.full(N - rows, 0.0 if rows < 600 else 0.25)

    found = run(read, train, ["never", "every 10d", "cost-aware"]).comparison.policies
    assert found[1].retrains > 10
    assert {policy.loss for policy in found} == {found[0].loss}
    assert found[2].retrains < found[1].retrains / 2, "it learns that it does not help"


def test_a_model_that_turns_out_worse_is_rolled_back() -> None:
    """It is better on its holdout and in its experiment, and worse from then on."""
    read = past(noise(0.0))
    first: list[int] = []

    def train(rows: int) -> np.ndarray:
        truth, answers = read.label[rows:], np.zeros(N - rows)
        if rows > 550 and len(first) < 2:
            first.append(rows)
        if rows in first:
            answers = np.where(np.arange(N - rows) < 400, 0.1 * truth, truth + 9)
        return answers

    found = run(read, train, ["every 10d"]).comparison.policies[0]
    assert (found.promotions, found.rollbacks) == (1, 1)


def test_no_decision_knows_a_label_before_its_time() -> None:
    """What comes later changes nothing before it, whatever the policy."""
    level = np.repeat([0.0, 5.0], N // 2)
    cut = N - 1000
    one, two = past(noise(level)), past(np.where(np.arange(N) < cut, noise(level), 99.0))
    policies = ["drift", "cost-aware"]
    for a, b in zip(*(run(read, mean(read), policies).told for read in (one, two)), strict=True):
        np.testing.assert_array_equal(a.served[:cut], b.served[:cut])
        assert [r for r in a.retrains if r < cut] == [r for r in b.retrains if r < cut]


def test_a_model_never_learns_from_rows_whose_label_has_not_come() -> None:
    read = past(noise(np.linspace(0, 20, N)))
    done = run(read, mean(read), ["cost-aware"])
    rows = np.arange(done.start, N)
    assert (done.told[0].served[rows] - 1 <= rows - 24).all(), "the newest row it learnt from"


def test_the_same_history_gives_the_same_result() -> None:
    read = past(noise(np.linspace(0, 20, N)))
    first, second = (run(read, mean(read), ["drift", "cost-aware"]).comparison for _ in range(2))
    assert first.policies == second.policies
    assert first.baselines == second.baselines


def test_a_dear_retraining_is_done_less_often() -> None:
    read = past(noise(np.linspace(0, 20, N)))
    one, two = (run(read, mean(read), ["cost-aware"], cost=c).comparison for c in (1.0, 2000.0))
    cheap, dear = one.policies[0], two.policies[0]
    assert cheap.retrains > dear.retrains
    assert dear.cost == pytest.approx(dear.retrains * 2000 + dear.loss * two.rows)


def test_a_table_of_time_and_target_alone_can_be_replayed() -> None:
    """There is no column that could drift."""
    read = history.order(pd.DataFrame({"when": HOURS, "y": noise(0.0)}), "when", "y")
    found = run(read, mean(read), ["drift"], min_labels=500).comparison.policies[0]
    assert found.retrains == 0


def test_baselines_are_what_they_say() -> None:
    read = past(np.array([0, 1] * (N // 2)), "classification")
    known = np.maximum(np.arange(N) - 24, 0)
    found = baselines.losses(read, known, 100)
    assert found == {"last-class": 1.0, "last-class-after-delay": 1.0, "majority": pytest.approx(0.5, abs=0.001)}


def test_a_delay_longer_than_the_history_is_an_error() -> None:
    read = past(noise(0.0))
    with pytest.raises(DataError, match="too few labels"):
        compare.replay(read, Recipe(read, mean(read)), ["never"], timedelta(days=999), Retraining(), Release())
