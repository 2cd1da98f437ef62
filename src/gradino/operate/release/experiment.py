"""The experiment: champion and challenger on the same requests, every label a comparison – or, in an A/B, on others.

`begin` starts with the rows of the holdout that no candidate was measured on before, `fold` takes in new outcomes, and
`judge` says what follows under the project's rule. All are pure: a certificate is checked, and a year replayed, by
calling them again. Looking continuously is allowed (`inference.eprocess`); challengers share the error budget: the j-th
gets 6α/(π²j²).
"""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pyarrow as pa

from gradino.inference import eprocess
from gradino.operate.project.config import Release
from gradino.operate.release import pairs, randomised

LIVE = 100  # paired labels from production before anything passes, whatever the holdout says
_POINTS = 400


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verdict` is what the evidence says, `promote` what the project's rule makes of it."""

    verdict: Literal["pass", "fail", "insufficient"]
    promote: bool
    says: str
    guarantee: str


def begin(settings: Release, j: int, held: pa.Table = pairs.NONE, by_unit: bool = False) -> dict[str, Any]:
    """The evidence before the first label of the `j`-th challenger; `held` are the pairs of the holdout."""
    alpha = eprocess.budget(settings.alpha, j)
    if settings.experiment == "ab":
        return randomised.begin(settings, alpha, by_unit)
    least = min(LIVE, settings.horizon)
    paired = eprocess.Paired.after(*pairs.differences(held), alpha, settings.worse_by, least)
    return _view(paired, pairs.chained("", pairs.rows(held)), [])


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
    n, held, verdict = experiment["n"], experiment["held"], experiment["verdict"]
    seen = f"{n - held} {'units' if experiment['kind'] == 'ab' else 'labels'}" + (
        f" and {held} rows of the holdout" if held else ""
    )
    bound = f"wrong with probability at most {experiment['alpha']:.2g}"
    if verdict == "pass":
        return Judgement("pass", True, f"it is better after {seen}; {bound}", bound)
    if verdict == "fail":
        return Judgement("fail", False, f"it is worse after {seen}; {bound}", bound)
    if experiment["broken"]:
        return Judgement("insufficient", False, f"{experiment['broken']}, after {seen}", "none")
    few = experiment["kind"] == "shadow" and experiment["days"] < eprocess.DAYS
    if n - held < settings.horizon or few:
        return None
    said = f"it was not shown to be better within {seen}"
    if settings.at_horizon == "promote-if-better" and (experiment["mean"] or 0.0) > 0:
        gain = f"better by {experiment['mean']:.3g} on average, which is no proof"
        return Judgement("insufficient", True, f"{said}, but {gain}", f"none: {gain}")
    return Judgement("insufficient", False, said, "none needed: the champion stays")


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
        "held": paired.held[0],
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
