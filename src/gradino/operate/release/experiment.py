"""The experiment: champion and challenger on the same requests, every label a comparison – or, in an A/B, on others.

`begin` starts at 1, `fold` takes in new outcomes, and `judge` says what follows under the project's rule. The holdout
is no evidence here: its rows were answered by another fit of the recipe, and the challenger has learnt from them. All
are pure: a certificate is checked, and a year replayed, by calling them again. Looking continuously is allowed
(`inference.eprocess`); the challengers of one champion share its error budget: the j-th gets 6α/(π²j²).
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pyarrow as pa

from gradino.inference import eprocess
from gradino.operate.project.config import Release
from gradino.operate.release import pairs, randomised

LIVE = 100  # paired labels before anything passes
HORIZON = 1000  # labels after which an undecided experiment ends where the project names no other number
WEEKS = 6  # and no sooner: rows of one day resemble each other, so it is days that say something
_POINTS = 400


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verdict` is what the evidence says, `promote` what the project's rule makes of it."""

    verdict: Literal["pass", "fail", "insufficient"]
    promote: bool
    says: str
    guarantee: str


def begin(settings: Release, j: int, by_unit: bool = False) -> dict[str, Any]:
    """The evidence before the first label of the `j`-th challenger."""
    alpha = eprocess.budget(settings.alpha, j)
    if settings.experiment == "ab":
        return randomised.begin(settings, alpha, by_unit)
    return _view(eprocess.Paired(alpha, settings.worse_by, min(LIVE, settings.horizon or HORIZON)), "", [])


def fold(experiment: dict[str, Any], outcomes: pa.Table, champion: int, challenger: int) -> dict[str, Any]:
    """The evidence after `outcomes`, new rows of that table; an A/B by unit also wants the column `unit`."""
    if experiment["kind"] == "ab":
        return randomised.fold(experiment, outcomes, champion, challenger)
    return take(experiment, pairs.live(outcomes, champion, challenger))


def take(experiment: dict[str, Any], new: pa.Table) -> dict[str, Any]:
    """The evidence of a paired experiment after new pairs."""
    if not len(new) or experiment["verdict"] != "insufficient":
        return experiment
    before = msgspec.convert(experiment["state"], eprocess.Paired)
    paired = before.update(*pairs.differences(new))
    log = pairs.chained(experiment["log"], pairs.rows(new.slice(0, paired.n - before.n)))
    return _view(paired, log, experiment["history"])


def judge(experiment: dict[str, Any], settings: Release) -> Judgement | None:
    """What follows from the evidence; None while the experiment goes on."""
    n, verdict = experiment["n"], experiment["verdict"]
    seen = f"{n} {'units' if experiment['kind'] == 'ab' else 'labels'}"
    bound = f"wrong with probability at most {experiment['alpha']:.2g}"
    if verdict == "pass":
        return Judgement("pass", True, f"it is better after {seen}; {bound}", bound)
    if verdict == "fail":
        return Judgement("fail", False, f"it is worse after {seen}; {bound}", bound)
    if experiment["broken"]:
        return Judgement("insufficient", False, f"{experiment['broken']}, after {seen}", "none")
    shadow = experiment["kind"] == "shadow"
    horizon = settings.horizon or _horizon(experiment)
    if shadow and (experiment["days"] < eprocess.DAYS or n < min(LIVE, horizon)):
        return None
    said = f"it was not shown to be better within {seen}"
    if n < horizon:
        if not shadow or settings.at_horizon != "keep" or _promising(experiment, horizon):
            return None
        said += f", and at this pace would not be within {horizon}"
    if settings.at_horizon == "promote-if-better" and (experiment["mean"] or 0.0) > 0:
        gain = f"better by {experiment['mean']:.3g} on average, which is no proof"
        return Judgement("insufficient", True, f"{said}, but {gain}", f"none: {gain}")
    return Judgement("insufficient", False, said, "none needed: the champion stays")


def _horizon(experiment: dict[str, Any]) -> int:
    """The labels after which it ends: 1,000, or as many as six weeks bring at the pace so far."""
    days = experiment.get("days")
    return max(HORIZON, math.ceil(experiment["n"] * 7 * WEEKS / days)) if days and days < 7 * WEEKS else HORIZON


def _promising(experiment: dict[str, Any], horizon: int) -> bool:
    """Whether the horizon could still bring a proof. To end without one promotes nobody: no error bound pays for it."""
    state = msgspec.convert(experiment["state"], eprocess.Paired)
    return state.foreseen(horizon) >= 1 / state.alpha


def _view(paired: eprocess.Paired, log: str, history: list[Any]) -> dict[str, Any]:
    """What the row of the release keeps: the state, and what a reader wants to see of it."""
    point = [paired.n, paired.evidence, paired.against, paired.mean]
    if paired.n:
        history = [*(history[::2] if len(history) >= _POINTS else history), point]
    return {
        "kind": "shadow",
        "state": msgspec.to_builtins(paired),
        "log": log,
        "n": paired.n,
        "days": len(paired.days),
        "deff": paired.deff,
        "evidence": paired.evidence,
        "against": paired.against,
        "mean": paired.mean if paired.n else None,
        "alpha": paired.alpha,
        "threshold": 1 / paired.alpha,
        "verdict": paired.verdict,
        "broken": None,
        "history": history,
    }
