"""A search sees the past only, in the order of time; and nothing of the holdout reaches the model."""

import shutil
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradino.errors import GradinoError, ProjectError, TrainingError
from gradino.operate.data import collect
from gradino.operate.registry import lineage
from gradino.operate.store.state import runs, versions
from gradino.operate.training import execute, request
from gradino.operate.training.search import direction, folds
from tests.operate.conftest import START, Shop

SEARCH = """
[training.search]
trials = 4
folds = 2
[training.search.space]
alpha = { low = 0.001, high = 1000.0, log = true }
fit_intercept = [true, false]
"""


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60).map(sorted), st.integers(1, 5))
def test_folds_go_forward_in_time_and_share_no_moment(moments: list[int], count: int) -> None:
    frame = pd.DataFrame({"hour": pd.to_datetime(moments, unit="h", utc=True)})
    try:
        found = list(folds(frame, "hour", count))
    except TrainingError:
        assert len(set(moments)) <= count or len(set(moments)) < len(moments)
        return
    assert len(found) == count
    assert len(found[-1][0]) + len(found[-1][1]) == len(moments)
    for before, after in found:
        assert before["hour"].max() < after["hour"].min()
    for (_, earlier), (later, _) in pairwise(found):
        assert earlier["hour"].max() <= later["hour"].max()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("mean_absolute_error", "minimize"), ("log_loss", "minimize"), ("mean_poisson_deviance", "minimize"),
        ("accuracy_score", "maximize"), ("neg_mean_absolute_error", "maximize"), ("roc_auc", "maximize"),
    ],
)  # fmt: skip
def test_the_name_of_a_metric_says_which_way_is_up(name: str, wanted: str) -> None:
    assert direction(name) == wanted


def test_a_metric_of_ones_own_must_be_said_to_go_up_or_down() -> None:
    with pytest.raises(ProjectError, match=r"`shop:regret` is better"):
        direction("shop:regret")


@pytest.fixture
def searching(shop: Shop) -> Shop:
    """A shop with rows that lets two hyper-parameters be chosen and is judged by slice."""
    shop.rewrite("import LinearRegression", "import Ridge")
    shop.rewrite(
        'def train(frame):\n    return LinearRegression().fit(frame[["warmth", "open"]], frame["sold"])',
        "def train(frame, *, alpha=1.0, fit_intercept=True):\n"
        "    print('learning until', frame['hour'].max())\n"
        "    assert len(frame) == 200 or frame['sold'].max() < 1e6, 'the future leaks'\n"
        '    return Ridge(alpha, fit_intercept=fit_intercept).fit(frame[["warmth", "open"]], frame["sold"])',
    )
    shop.rewrite(
        'train = "shop:train"\n', 'train = "shop:train"\nslices = ["open", "warmth"]\n' + SEARCH, "gradino.toml"
    )
    return shop


def trained(shop: Shop) -> tuple[Any, bytes]:
    """The run, and the bytes of the model that was tested."""
    collect(shop.project, shop.store)
    shop.store.state.add(runs, id="the-run", status="queued", reason="a test", event_time=START)  # its id is its seed
    assert execute(shop.project, shop.store, "the-run") == 1
    bundle = shop.store.state.rows(versions)[0].bundle
    return shop.store.state.last(runs), (shop.store.root / "bundles" / bundle / "tested.skops").read_bytes()


def test_the_best_of_the_trials_is_trained_and_goes_on_record(searching: Shop) -> None:
    run, model = trained(searching)
    assert run.parameters.keys() == {"alpha", "fit_intercept"}
    assert run.parameters["alpha"] < 100  # the truth is linear: shrinking it costs
    assert {"python", "processor", "cores", "threads", "memory_gb"} <= run.machine.keys()
    assert run.machine["threads"] >= 1
    bundle = searching.store.root / "bundles" / searching.store.state.rows(versions)[0].bundle
    assert (lineage(bundle).parameters, lineage(bundle).machine) == (run.parameters, run.machine)
    assert b"Ridge" in model

    slices = run.slices
    assert {"open = True", "open = False"} < slices.keys()
    assert sum(part["rows"] for name, part in slices.items() if name.startswith("open")) == run.metrics["holdout_rows"]
    weighed = [part["rows"] * part["mean_absolute_error"] for name, part in slices.items() if name.startswith("warmth")]
    assert sum(weighed) / run.metrics["holdout_rows"] == pytest.approx(run.metrics["mean_absolute_error"])

    log = (searching.store.root / "runs" / run.id / "log.txt").read_text()
    assert "trial 4 of 4: mean_absolute_error" in log
    until = [line.removeprefix("learning until ") for line in log.splitlines() if line.startswith("learning until")]
    assert len(until) == 4 * 2 + 2
    newest = pd.Timestamp(searching.frame["hour"].iloc[160]).tz_localize(None)
    assert max(map(pd.Timestamp, until[:-1])) < newest < pd.Timestamp(until[-1])


def test_the_model_does_not_change_with_what_the_holdout_says(
    searching: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same past with another future: the model that is tested is the same to the bit. Nothing leaks into it."""
    other = Shop(tmp_path_factory.mktemp("other"))
    shutil.copytree(searching.root, other.root, dirs_exist_ok=True)
    frame = other.frame
    frame.loc[160:, "sold"] = 1e9 + np.arange(40)
    frame.loc[160:, "warmth"] = 49.0
    other.deliver(frame)
    (one, model), (two, same) = trained(searching), trained(other)
    assert (one.seed, one.parameters) == (two.seed, two.parameters)
    assert one.metrics != two.metrics
    assert model == same


def test_trials_that_all_fail_are_the_runs_failure(searching: Shop) -> None:
    leaks = "assert len(frame) == 200 or frame['sold'].max() < 1e6, 'the future leaks'"
    searching.rewrite(leaks, "raise ValueError('no such alpha')")
    collect(searching.project, searching.store)
    with pytest.raises(GradinoError, match="each of 4 trials of the search failed"):
        execute(searching.project, searching.store, request(searching.store, searching.project, "a test", START))
