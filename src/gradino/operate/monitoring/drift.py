"""What changed in production's rows, since when, in which rows, and whether it matters: for a person, never a trigger.

Drift explains an alarm and raises none. A window of whole days is compared with the baseline of the model that
answered: with all of its training, and with the same season of it. What the change of each column should do to the loss
is said by the estimate (`inference.estimate`), and how far to trust that by how it did where labels have come.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Row

from gradino.inference import drift, estimate
from gradino.operate import registry
from gradino.operate.monitoring.profiles import baseline
from gradino.operate.monitoring.reference import reference
from gradino.operate.store import Store
from gradino.operate.store.state import profiles

_BACK = 90  # days in which the beginning of a change is looked for
_MATTERS = 0.1  # of the reference loss: an expected change below is small


class Column(msgspec.Struct, frozen=True):
    """One column of the window: the verdict against the same season, and beside it that against all of training."""

    name: str
    verdict: drift.Verdict
    season: drift.Finding
    training: drift.Finding
    since: date | None  # of a drift: the first day of its level
    parts: list[drift.Part]  # the cells that changed most
    effect: float | None  # on the mean loss, as the estimate sees it


class Scored(msgspec.Struct, frozen=True):
    """How the estimate did on days whose labels have come: mean absolute errors of its days, and of the loss at release
    taken as the answer for every day."""

    days: int
    error: float
    without: float


class Diagnosis(msgspec.Struct, frozen=True):
    """The window of one version. `expected` is the loss to expect of its rows before labels, `realised` their mean loss
    so far; `labels` of the `rows` have come."""

    version: int
    first: date
    last: date
    rows: int
    verdict: drift.Verdict
    says: str
    columns: list[Column]
    reference: float
    expected: float | None
    realised: float | None
    labels: int
    scored: Scored | None


def diagnose(store: Store, version: int, days: int | None = None) -> Diagnosis | None:
    """The last `days` of a version, without a number as many weeks as hold enough rows to compare.

    None where it has answered nothing or has no baseline.
    """
    against = baseline(store, version)
    if against is None:
        return None
    known = sorted(store.state.rows(profiles, profiles.c.version == version, profiles.c.rows > 0), key=lambda r: r.day)
    if not known:
        return None
    last = date.fromisoformat(known[-1].day)
    first = max(date.fromisoformat(known[0].day), last - timedelta(days=(days or _enough(known)) - 1))
    window = [row for row in known if row.day >= first.isoformat()]
    current = drift.merge([_profile(row, against) for row in window])
    season = drift.season([day.day for day in against.days], first, last)
    parts = against.profiles()
    usual = [parts[i] for i in season]
    seasonal = drift.merge(usual)
    by_season = drift.compare(against.cells, seasonal, current, usual)
    by_training = drift.compare(against.cells, drift.merge(parts), current, parts)
    columns = [
        _column(name, by_season[name], by_training[name], against, seasonal, current, known)
        for name in against.cells.columns
    ]
    columns.sort(key=lambda c: (c.verdict != "drift", -c.season.psi / c.season.psi_limit))
    level = against.estimate.level if against.estimate else reference(store, version).mean
    labels = sum(row.labels for row in window)
    verdict = _verdict(columns)
    expected = estimate.expected(against.estimate, current) if against.estimate else None
    return Diagnosis(
        version,
        first,
        last,
        current.rows,
        verdict,
        _says(verdict, columns, expected, level, current.rows),
        columns,
        level,
        expected,
        sum(row.loss for row in window) / labels if labels else None,
        labels,
        _scored(known, against) if against.estimate else None,
    )


def _enough(known: Sequence[Row[Any]]) -> int:
    """The days of the fewest whole weeks until the newest of these days, in order, that hold `drift.MINIMUM` rows."""
    rows, last = 0, date.fromisoformat(known[-1].day)
    for day in reversed(known):
        rows += day.rows
        if rows >= drift.MINIMUM:
            break
    return 7 * ((last - date.fromisoformat(day.day)).days // 7 + 1)


def _verdict(columns: Sequence[Column]) -> drift.Verdict:
    verdicts = {column.verdict for column in columns}
    return "drift" if "drift" in verdicts else "stable" if "stable" in verdicts else "insufficient"


def _says(verdict: drift.Verdict, columns: Sequence[Column], expected: float | None, level: float, rows: int) -> str:
    """The answer in one or two sentences."""
    if verdict == "insufficient":
        return f"{rows:,} rows are too few to compare: {drift.MINIMUM} are needed on either side."
    if verdict == "stable":
        return "The rows are distributed as at this season of the training data."
    changed = [column for column in columns if column.verdict == "drift"]
    names = ", ".join(_shown(column.name) for column in changed[:3]) + (" and more" if len(changed) > 3 else "")
    since = min((column.since for column in changed if column.since), default=None)
    found = f"{names} changed" + (f" since {since}" if since else "") + "."
    if expected is None:
        return found
    rise = expected - level
    if abs(rise) < _MATTERS * level:
        return f"{found} By where the rows lie, the loss should stay near {level:.3g}."
    return f"{found} By where the rows lie, the loss should go from {level:.3g} to {expected:.3g}."


def _shown(name: str) -> str:
    return name.removeprefix("x_")


def _column(
    name: str,
    season: drift.Finding,
    training: drift.Finding,
    against: registry.Baseline,
    reference: drift.Profile,
    current: drift.Profile,
    known: Sequence[Row[Any]],
) -> Column:
    drifted = season.verdict == "drift"
    parts = drift.parts(against.cells.columns[name], reference.counts[name], current.counts[name])
    effect = None
    if against.estimate:
        was = estimate.due(against.estimate, name, reference.counts[name])
        effect = estimate.due(against.estimate, name, current.counts[name]) - was
    since = _since(name, reference, known) if drifted else None
    return Column(name, season.verdict, season, training, since, parts, effect)


def _since(name: str, reference: drift.Profile, known: Sequence[Row[Any]]) -> date:
    """The day on which the distance of a column from the reference took its new level."""
    days, distances = [], []
    total = np.zeros(len(reference.counts[name]), dtype=np.int64)
    begun = None
    for row in known[-_BACK:]:
        begun = begun or row.day
        total = total + row.counts.get(name, 0)
        if total.sum() >= min(drift.MINIMUM, sum(reference.counts[name])) or row is known[-1]:
            days.append(begun)
            distances.append(drift.distance(reference.counts[name], total.tolist()))
            begun, total = None, np.zeros_like(total)
    return date.fromisoformat(days[drift.since(distances)])


def _profile(row: Row[Any], against: registry.Baseline) -> drift.Profile:
    """A day's counts; columns that it lacks are those of a version without a baseline at the time."""
    empty = {name: (0,) * len(drift.labels(cell)) for name, cell in against.cells.columns.items()}
    return drift.Profile(against.cells.id, row.rows, empty | {name: tuple(n) for name, n in row.counts.items()})


def _scored(known: Sequence[Row[Any]], against: registry.Baseline) -> Scored | None:
    """Estimate and labels of the same days, those of which most labels have come."""
    model = against.estimate
    assert model
    days = [row for row in known if row.labels * 2 >= row.rows]
    if not days:
        return None
    truth = np.array([row.loss / row.labels for row in days])
    foretold = np.array([estimate.expected(model, _profile(row, against)) for row in days], dtype=np.float64)
    return Scored(len(days), float(np.abs(foretold - truth).mean()), float(np.abs(model.level - truth).mean()))
