"""The rules of retraining, without a store: each policy wishes, each guard can forbid, the longest age forces."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradino.operate.project.config import Retraining
from gradino.operate.retraining.rules import Facts, Past, price, weigh

RNG = np.random.default_rng(0)
HELD = RNG.normal(10, 2, 600)
DAY = timedelta(days=1)
QUIET = Facts(labels=600, traffic=600, waited=25 * DAY, age=60 * DAY, recent=RNG.normal(10, 2, 600), reference=HELD)
HARM = replace(QUIET, recent=HELD[:500] + 5)


def test_the_default_price_is_five_percent_of_the_reference_loss_over_min_labels() -> None:
    assert price(Retraining(), HELD) == pytest.approx(0.05 * HELD.mean() * 500)
    assert price(Retraining(cost=3.0), HELD) == 3.0


def test_cost_aware_pays_for_a_rise_of_the_loss_and_waits_without_one() -> None:
    assert weigh(Retraining(), HARM).retrain
    assert weigh(Retraining(), QUIET).blocked == ["value"]
    assert weigh(Retraining(cost=1e6), HARM).blocked == ["value"]


def test_a_project_without_a_history_tries_once_enough_labels_have_come() -> None:
    """5 % gained after 500 labels pays for 5 % over 500 after 500·√2."""
    few, enough = (replace(QUIET, labels=n, traffic=n, recent=HELD[:0]) for n in (700, 715))
    assert not weigh(Retraining(), few).retrain
    assert weigh(Retraining(), enough).retrain


def test_it_learns_how_fast_its_models_age() -> None:
    due = replace(QUIET, labels=2000, traffic=2000)
    useless = [Past(labels=n, promised=0.0, gained=0.0) for n in (700, 1000, 1400, 2000)]
    useful = [Past(labels=500, promised=0.0, gained=2.0, promoted=True)]
    assert weigh(Retraining(), due).retrain
    assert not weigh(Retraining(), replace(due, past=useless)).retrain
    assert weigh(Retraining(), replace(QUIET, labels=510, traffic=510, past=useful)).retrain


def test_a_gain_that_was_not_proven_is_a_hope_and_no_more() -> None:
    def wait(**past: Any) -> int:
        facts = replace(QUIET, past=[Past(labels=500, promised=0.0, **past)])
        return next(n for n in count(500, 10) if weigh(Retraining(), replace(facts, labels=n, traffic=n)).retrain)

    assert wait(gained=2.0, promoted=True) < wait(gained=2.0) < wait(gained=0.0)


def test_waits_grow_geometrically_while_nothing_is_gained() -> None:
    waits: list[int] = []
    while len(waits) < 6:
        facts = replace(QUIET, past=[Past(n, 0.0, 0.0) for n in waits])
        due = (n for n in count(500, 100) if weigh(Retraining(), replace(facts, labels=n, traffic=n)).retrain)
        waits.append(next(due))
    assert waits[-1] > 3 * waits[0]


@pytest.mark.parametrize(
    ("policy", "facts", "name"),
    [
        ("never", HARM, "policy"),
        ("drift", HARM, "drift"),
        ("alarm", HARM, "alarm"),
        ("every 30d", HARM, "interval"),
    ],
)
def test_other_policies_do_not_weigh(policy: str, facts: Facts, name: str) -> None:
    assert weigh(Retraining(policy=policy), facts).blocked == [name]
    ready = replace(facts, alarmed=True, drifted=True, waited=30 * DAY)
    assert weigh(Retraining(policy=policy), ready).retrain == (policy != "never")


@pytest.mark.parametrize(
    ("change", "settings", "name"),
    [
        ({"labels": 499}, {}, "labels"),
        ({"waited": DAY / 2}, {}, "cooldown"),
        ({"new_rows": False}, {}, "data"),
        ({"this_month": 2}, {"budget": 2}, "budget"),
        ({"suspicions": ["station 7 brought 90% of the new rows"]}, {}, "poison"),
    ],
)
def test_each_guard_can_forbid_what_would_pay(change: dict, settings: dict, name: str) -> None:  # type: ignore[type-arg]
    facts = replace(HARM, alarmed=True, **change)
    for policy in ("cost-aware", "alarm"):
        outcome = weigh(Retraining(policy=policy, **settings), facts)
        assert not outcome.retrain
        assert name in outcome.blocked


def test_the_longest_age_forces_what_no_policy_wants_but_not_past_a_guard() -> None:
    settings = Retraining(policy="never", longest="50d")
    assert weigh(settings, QUIET).retrain
    assert "60 days" in weigh(settings, QUIET).reasons[0]
    assert weigh(settings, replace(QUIET, new_rows=False)).blocked == ["data"]


@given(
    labels=st.integers(0, 10**6),
    gained=st.lists(st.tuples(st.integers(1, 10**5), st.floats(-100, 100)), max_size=5),
    dearer=st.floats(1, 100),
)
def test_a_dearer_retraining_is_never_more_welcome(labels: int, gained: list[tuple[int, float]], dearer: float) -> None:
    facts = replace(QUIET, labels=labels, traffic=labels, past=[Past(n, 0.0, g) for n, g in gained])
    cheap, dear = (weigh(Retraining(cost=cost), facts).retrain for cost in (10.0, 10.0 * dearer))
    assert cheap >= dear
