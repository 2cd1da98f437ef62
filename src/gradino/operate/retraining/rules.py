"""When to retrain, as pure functions over a few facts: the operator and the replay decide by the same lines.

A policy gives the wish – never, after a time, on drift, on an alarm, or when it pays –, guards may forbid it:

    traffic × value × loss avoided  >  cost

The loss avoided is the larger of two estimates: a cautious one of how far the champion's loss has risen since it was
new, and half of what retrainings have gained here after so many labels – half, since a model ages little by little, and
what counts is the mean over its service (`inference.gain`). A model that was not promoted kept no promise, and what it
seemed to gain counts half again, as a hope.

The traffic is that since the last training: a model is expected to serve as long as the one before it. Where nobody
gave a price, one retraining costs 5 % of the champion's reference loss over `min_labels` predictions; and until a
project has tried, one after `min_labels` is expected to gain 5 % of that loss. Sources: arXiv 2310.04216, 2505.14903.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.inference import gain
from gradino.operate.project.config import Retraining

SHARE = 0.05
"""Of the reference loss over `min_labels` predictions: the price of a retraining where nobody gave one."""

MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Past:
    """A retraining that has ended: the labels since the one before, the loss per prediction that it promised to avoid,
    what the experiment found it to gain, 0 where it was refused before, and whether it was promoted."""

    labels: int
    promised: float
    gained: float
    promoted: bool = False

    @property
    def delivered(self) -> float:
        """The loss per prediction that production was spared."""
        return max(self.gained, 0.0) if self.promoted else 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision rests on. Losses in the unit of `value`, in the order of their labels; `recent` are those since
    the champion serves, `reference` those of its holdout. Times in event time."""

    labels: int  # since the last training
    traffic: int  # predictions since the last training
    waited: timedelta | None  # since the last training; None when unknown
    age: timedelta | None  # of the champion's newest training row
    recent: NDArray[np.float64]
    reference: NDArray[np.float64]
    alarmed: bool = False
    drifted: bool = False
    new_rows: bool = True
    this_month: int = 0  # retrainings in the last 30 days
    past: list[Past] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)  # of the new rows: see `poison`
    price: float | None = None  # instead of the project's, where models are compared by one price


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether to retrain; `reasons` are sentences, `blocked` names what said no."""

    retrain: bool
    reasons: list[str]
    blocked: list[str]
    numbers: dict[str, Any]


def weigh(settings: Retraining, facts: Facts) -> Outcome:
    """The decision about a project that has a champion."""
    wish, numbers = _wish(settings, facts)
    forced = settings.longest is not None and facts.age is not None and facts.age >= settings.longest
    refused = {} if wish.holds or forced else {wish.name: wish.no}
    refused |= {guard.name: guard.no for guard in _guards(settings, facts) if not guard.holds}
    if refused:
        return Outcome(False, list(refused.values()), list(refused), numbers)
    why = wish.yes if wish.holds else f"the champion's data is {_days(facts.age)} old, the longest allowed"
    return Outcome(True, [why], [], numbers)


def price(settings: Retraining, reference: NDArray[np.float64]) -> float:
    """The cost of one retraining, in the unit of `value`."""
    if settings.cost is not None:
        return settings.cost
    return SHARE * float(np.nanmean(reference)) * settings.min_labels * settings.value


@dataclass(frozen=True, slots=True)
class _Rule:
    """One condition: its name, whether it holds, and the sentence for either case."""

    name: str
    holds: bool
    no: str
    yes: str = ""


def _wish(settings: Retraining, facts: Facts) -> tuple[_Rule, dict[str, Any]]:
    every = settings.interval
    worth, numbers = _worth(settings, facts)
    if settings.policy == "never":
        return _Rule("policy", False, "the policy is never to retrain"), numbers
    if settings.policy == "drift":
        return _Rule("drift", facts.drifted, "the rows have not drifted", "the rows have drifted"), numbers
    if settings.policy == "alarm":
        return _Rule(
            "alarm", facts.alarmed, "no harm by the champion has been shown", "the champion does harm"
        ), numbers
    if every is not None:
        due = facts.waited is None or facts.waited >= every
        said = f"the last training is {_days(every)} ago"
        return _Rule("interval", due, f"the last training is less than {_days(every)} ago", said), numbers
    return worth, numbers


def _worth(settings: Retraining, facts: Facts) -> tuple[_Rule, dict[str, Any]]:
    """Cost-aware: does it pay? The numbers go into the ledger whatever the policy."""
    past, cost = facts.past, facts.price if facts.price is not None else price(settings, facts.reference)
    kept = gain.recovery([p.promised for p in past], [p.delivered for p in past])
    recent = facts.recent[-settings.min_labels :]
    rise = gain.retraining_value(
        recent, facts.reference, traffic=facts.traffic, value=settings.value, cost=cost, recovery=kept
    )
    usual = (settings.min_labels, SHARE * float(np.nanmean(facts.reference)) if len(facts.reference) else 0.0)
    seen = [p.delivered if p.promoted else p.gained / 2 for p in past]
    aged = facts.labels * gain.ageing([p.labels for p in past], seen, prior=usual) / 2
    avoided = max(aged, rise.lower or 0.0)
    worth = facts.traffic * settings.value * avoided - cost
    numbers = {
        "labels": facts.labels,
        "traffic": facts.traffic,
        "avoided": avoided,
        "by_age": aged,
        "by_rise": rise.lower,
        "promised": max(rise.avoidable / kept, 0.0) if kept else 0.0,
        "cost": cost,
        "worth": worth,
    }
    by = "its loss has risen" if avoided > aged else "of its age"
    return _Rule(
        "value",
        worth > 0,
        "it would not pay",
        f"because {by}, a fresh model avoids about {avoided:.3g} of loss per prediction, worth "
        f"{facts.traffic * settings.value * avoided:.3g} at a cost of {cost:.3g}",
    ), numbers


def _guards(settings: Retraining, facts: Facts) -> list[_Rule]:
    cool = facts.waited is None or facts.waited >= settings.cooldown
    left = settings.budget is None or facts.this_month < settings.budget
    return [
        _Rule("data", facts.new_rows, "no rows that the last training had not"),
        _Rule("labels", facts.labels >= settings.min_labels, f"fewer than {settings.min_labels:,} new labels"),
        _Rule("cooldown", cool, f"the last training is less than {_days(settings.cooldown)} ago"),
        _Rule("budget", left, f"the budget of {settings.budget} retrainings in 30 days is spent"),
        *(_Rule("poison", False, suspicion) for suspicion in facts.suspicions),
    ]


def _days(span: timedelta | None) -> str:
    if span is None:
        return "?"
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} hours"
