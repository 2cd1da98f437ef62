"""Nothing that is missing, repeated, out of order or nonsense in the log becomes evidence: never a promotion."""

import math
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradino.inference import eprocess
from gradino.operate.project.config import Release
from gradino.operate.release import experiment, pairs
from tests.operate.records import START

TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    {
        "prediction_id": pa.string(),
        "event_time": TIME,
        "version": pa.int64(),
        "role": pa.string(),
        "loss": pa.float64(),
        "label_time": TIME,
        "label": pa.float64(),
    }
)
law = settings(deadline=None, max_examples=25)
LOSS = st.floats(0, 1)
HOURS = st.integers(-(10**6), 10**6)  # clocks that are wrong by a century


def row(
    number: int, version: int, loss: float, event: int = 0, label: int = 0, role: str = "champion"
) -> dict[str, object]:
    """One outcome."""
    times = {"event_time": START + timedelta(hours=event), "label_time": START + timedelta(hours=label)}
    return {"prediction_id": f"p{number}", "version": version, "role": role, "loss": loss, "label": 0.5} | times


def folded(*tables: list[dict[str, object]], **project: object) -> dict[str, object]:
    """The evidence about v2 against v1 after batches of outcomes."""
    found = experiment.begin(Release(**project), 1)
    for rows in tables:
        found = found | experiment.fold(found, pa.Table.from_pylist(rows, schema=SCHEMA), 1, 2)
    return found


def both(number: int, first: float, second: float, event: int, label: int) -> list[dict[str, object]]:
    return [row(number, 1, first, event, label), row(number, 2, second, event, label, "shadow")]


@law
@given(st.lists(st.tuples(LOSS, HOURS, HOURS), max_size=40))
def test_requests_that_only_one_model_scored_say_nothing(rows: list[tuple[float, int, int]]) -> None:
    alone = [row(i, 1 + i % 2, loss, event, label) for i, (loss, event, label) in enumerate(rows)]
    assert folded(alone)["n"] == 0


@law
@given(st.lists(st.sampled_from([math.nan, math.inf, -math.inf, None]), max_size=40), LOSS)
def test_losses_that_are_none_say_nothing(broken: list[float], loss: float) -> None:
    rows = [one for i, nan in enumerate(broken) for one in both(i, *((nan, loss) if i % 2 else (loss, nan)), i, i)]
    assert folded(rows)["n"] == 0


@law
@given(st.lists(st.tuples(LOSS, LOSS, HOURS, HOURS), max_size=30), st.integers(0, 30))
def test_the_same_feedback_again_counts_once(rows: list[tuple[float, float, int, int]], again: int) -> None:
    once = [one for i, values in enumerate(rows) for one in both(i, *values)]
    assert folded([*once, *once[: 2 * again]])["n"] == len(rows)


@law
@given(st.lists(st.tuples(LOSS, LOSS, HOURS, HOURS), min_size=1, max_size=30), st.randoms())
def test_the_order_of_the_rows_of_a_commit_does_not_matter(rows: list[tuple[float, float, int, int]], random) -> None:  # type: ignore[no-untyped-def]
    once = [one for i, values in enumerate(rows) for one in both(i, *values)]
    other = random.sample(once, len(once))
    assert folded(once) == folded(other)


@law
@given(st.integers(0, 2**32 - 1))
def test_wrong_clocks_change_no_difference_and_never_add_evidence(seed: int) -> None:
    random = np.random.default_rng(seed)
    losses, clocks = random.random((150, 2)), random.integers(-(10**6), 10**6, (150, 2)).tolist()
    rows = [one for i, (a, b) in enumerate(losses.tolist()) for one in both(i, a, b, *clocks[i])]
    skewed = folded(rows, horizon=10**6)
    assert skewed["n"] == 150 or skewed["verdict"] != "insufficient"
    in_order, _ = pairs.differences(pairs.live(pa.Table.from_pylist(rows, schema=SCHEMA), 1, 2))
    assert skewed["mean"] == pytest.approx(in_order[: skewed["n"]].mean())
    every_row_news = eprocess.Paired(eprocess.budget(0.05, 1)).update(in_order)
    assert skewed["verdict"] == "insufficient" or every_row_news.verdict != "insufficient"


@law
@given(st.lists(st.tuples(LOSS, LOSS), max_size=200), st.sampled_from(["keep", "promote-if-better"]))
def test_what_is_not_better_is_never_promoted(rows: list[tuple[float, float]], rule: str) -> None:
    worse = [one for i, (a, b) in enumerate(rows) for one in both(i, min(a, b), max(a, b), i, i)]
    project = Release(horizon=100, at_horizon=rule)
    found = experiment.judge(folded(worse, horizon=100, at_horizon=rule), project)
    assert found is None or not found.promote


@pytest.mark.parametrize(("a_day", "horizon", "days"), [(60, None, 42), (10, None, 100), (60, 600, 10)])
def test_an_undecided_experiment_lasts_a_thousand_labels_and_six_weeks_or_what_the_project_says(
    a_day: int, horizon: int | None, days: int
) -> None:
    project = Release(horizon=horizon, at_horizon="promote-if-better")
    found, day = experiment.begin(project, 1), 0
    while experiment.judge(found, project) is None:
        losses = [[0.5, 0.5 + 0.1 * (-1) ** i] for i in range(a_day)]
        rows = [[f"{day}-{i}", f"2024-{day:03}", *pair] for i, pair in enumerate(losses)]
        columns = [list(column) for column in zip(*rows, strict=True)]
        found, day = experiment.take(found, pa.table(columns, schema=pairs.SCHEMA)), day + 1
    assert day == days


@pytest.mark.parametrize("kind", ["shadow", "ab"])
@pytest.mark.parametrize("rule", ["keep", "promote-if-better"])
def test_no_traffic_and_no_labels_are_no_decision(kind: str, rule: str) -> None:
    project = Release(experiment=kind, at_horizon=rule, horizon=1)
    begun = experiment.begin(project, 1)
    assert experiment.judge(begun, project) is None
    assert experiment.judge(begun | experiment.fold(begun, SCHEMA.empty_table(), 1, 2), project) is None


@pytest.mark.parametrize("label", [-1.0, 2.0, 1e9])
def test_an_outcome_that_is_no_outcome_breaks_the_ab(label: float) -> None:
    rows = [row(i, 1 + i % 2, 0.5) | {"label": label} for i in range(500)]
    found = folded(rows, experiment="ab", outcome="label")
    judged = experiment.judge(found, Release(experiment="ab"))
    assert judged is not None
    assert (judged.verdict, judged.promote) == ("insufficient", False)


@law
@given(st.lists(st.tuples(LOSS, LOSS), max_size=40), st.integers(1, 39))
def test_how_the_log_is_cut_into_commits_changes_nothing(rows: list[tuple[float, float]], cut: int) -> None:
    once = [both(i, a, b, i, i) for i, (a, b) in enumerate(rows)]
    flat = [one for pair in once for one in pair]
    whole, parts = folded(flat), folded(flat[: 2 * cut], flat[2 * cut :])
    for key in ("state", "log", "n", "evidence", "verdict"):
        assert whole[key] == parts[key]


def test_the_budget_of_later_challengers_is_smaller() -> None:
    first, third = (experiment.begin(Release(alpha=0.05), j) for j in (1, 3))
    assert third["threshold"] == pytest.approx(9 * first["threshold"])
