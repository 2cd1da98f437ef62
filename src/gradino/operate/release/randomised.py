"""The A/B: where the served answer changes what happens, each unit meets one model only, and units are compared.

A unit – the column `[project] unit`, else each request for itself – sticks to the arm that the server's hash of salt
and unit gives it. What it loses in the week from its first labelled answer on, on average, is one observation.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from gradino.inference import ab
from gradino.operate.project.config import Release
from gradino.operate.release.pairs import chained

SHARE = 0.5  # of the units are the challenger's: what needs the fewest
WINDOW = timedelta(days=7)  # of event time
_POINTS = 400
Unit = tuple[str, bool, float]  # name, whether the challenger's, mean loss


def begin(settings: Release, alpha: float, by_unit: bool) -> dict[str, Any]:
    """The evidence before the first unit; with `by_unit`, outcomes come with a column `unit`."""
    state = ab.Unpaired(alpha, settings.worse_by, SHARE)
    return _view(state, {"by_unit": by_unit, "outcome": settings.outcome, "units": {}, "log": "", "history": []})


def fold(experiment: dict[str, Any], outcomes: pa.Table, champion: int, challenger: int) -> dict[str, Any]:
    """The evidence after new rows of the table `outcomes`."""
    return take(*gather(experiment, outcomes, champion, challenger))


def gather(
    experiment: dict[str, Any], outcomes: pa.Table, champion: int, challenger: int
) -> tuple[dict[str, Any], list[Unit]]:
    """The units that new outcomes complete, and what is kept of the others."""
    if experiment["broken"] or experiment["verdict"] != "insufficient":
        return experiment, []
    if experiment["by_unit"] and "unit" not in outcomes.column_names:
        return experiment | {"broken": "the log does not name the unit: let the model read that column"}, []
    rows = list(_answers(outcomes, champion, challenger, experiment["outcome"]))
    if any(not 0 <= loss <= 1 for *_, loss in rows):
        return experiment | {"broken": "an outcome is not between 0 and 1"}, []
    if not experiment["by_unit"]:
        return experiment, [(unit, arm, loss) for unit, _, arm, loss in rows]
    units, done = _gathered(experiment["units"], rows)
    return experiment | {"units": units}, done


def take(experiment: dict[str, Any], done: list[Unit]) -> dict[str, Any]:
    """The evidence after observations of these units."""
    if not done:
        return experiment
    before = msgspec.convert(experiment["state"], ab.Unpaired)
    after = before.update([arm for _, arm, _ in done], [loss for _, _, loss in done])
    return _view(after, experiment | {"log": chained(experiment["log"], done[: sum(after.units) - sum(before.units)])})


def _answers(
    outcomes: pa.Table, champion: int, challenger: int, outcome: str
) -> Iterator[tuple[str, datetime, bool, float]]:
    """Unit, time of the label, arm and loss of each answer, oldest label first; a shadow's are none."""
    own = pc.is_in(outcomes["version"], value_set=pa.array([champion, challenger]))
    answered = pc.and_(own, pc.not_equal(outcomes["role"], "shadow"))
    kept = outcomes.filter(pc.and_(answered, pc.is_finite(outcomes["loss"])))
    kept = kept.sort_by([(key, "ascending") for key in ("label_time", "event_time", "prediction_id")])
    names = kept["unit" if "unit" in kept.column_names else "prediction_id"]
    losses = kept["loss"] if outcome == "loss" else pc.subtract(1.0, pc.cast(kept["label"], pa.float64()))
    columns = names, kept["label_time"], pc.equal(kept["version"], challenger), losses
    yield from zip(*(column.to_pylist() for column in columns), strict=True)


def _gathered(units: dict[str, Any], rows: list[Any]) -> tuple[dict[str, Any], list[Unit]]:
    """Units with what they lost so far – arm, end of their week, labels, sum; no end once over – and those done."""
    units, done = dict(units), []
    for name, when, arm, loss in rows:
        known, ends, n, total = units.get(name) or (arm, (when + WINDOW).isoformat(), 0, 0.0)
        if ends and known == arm and when.isoformat() < ends:
            units[name] = known, ends, n + 1, total + loss
    now = max((when.isoformat() for _, when, _, _ in rows), default="")
    for name, (arm, ends, n, total) in sorted(units.items(), key=lambda unit: (unit[1][1] or "", unit[0])):
        if ends and ends <= now:
            done.append((name, arm, total / n))
            units[name] = arm, None, 0, 0.0
    return units, done


def _view(state: ab.Unpaired, kept: dict[str, Any]) -> dict[str, Any]:
    """What the row of the release keeps: the state, and what a reader wants to see of it."""
    n, history = sum(state.units), kept["history"]
    theirs, ours = (total / max(units, 1) for total, units in zip(state.total, state.units, strict=True))
    if n:
        point = [n, state.evidence, state.against, theirs - ours]
        history = [*(history[::2] if len(history) >= _POINTS else history), point]
    return kept | {
        "kind": "ab",
        "state": msgspec.to_builtins(state),
        "n": n,
        "evidence": state.evidence,
        "against": state.against,
        "mean": theirs - ours if min(state.units) else None,
        "interval": state.interval,
        "alpha": state.alpha,
        "threshold": 1 / state.alpha,
        "verdict": state.verdict,
        "broken": f"units do not come to the arms {1 - SHARE:.0%} to {SHARE:.0%}" if state.broken else None,
        "history": history,
    }
