"""One policy through history, driven by event time: the rules, the experiment and the alarm are production's own.

At every look the labels that have come by then are folded into what is under way – alarm, experiment, probation –, and
then the policy decides. What production has and a replay has not: tests, a server, a ramp; so a challenger's first
answer counts from the look at which its experiment ends.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gradino.errors import TrainingError
from gradino.inference import alarm
from gradino.inference import losses as loss
from gradino.operate.project.config import Release, Retraining
from gradino.operate.release import experiment, pairs
from gradino.operate.release.checks import CLEARLY
from gradino.operate.replay.drifting import Drifting
from gradino.operate.replay.history import History
from gradino.operate.replay.recipe import Recipe
from gradino.operate.retraining import rules
from gradino.operate.training import evaluate

_YEAR = 365.0  # days, the alarm's threshold
_HOURS = 168


@dataclass
class Clock:
    """When labels come, and when one looks: `known[i]` rows have one when row i is answered; `looks` are rows."""

    known: NDArray[np.intp]
    looks: NDArray[np.intp]

    @property
    def start(self) -> int:
        return int(self.looks[0])


@dataclass
class Told:
    """What one policy did: `served[i]` are the rows that the model of row i learnt from; moments are rows."""

    policy: str
    served: NDArray[np.intp]
    retrains: list[int] = field(default_factory=list)
    alarms: list[int] = field(default_factory=list)
    promotions: list[int] = field(default_factory=list)
    rollbacks: list[int] = field(default_factory=list)


@dataclass
class _Model:
    """A model that serves or has served, fitted on the oldest `rows`.

    The losses `held`, bounded by `scale`, are of the same recipe fitted on `tested` rows, those before its holdout.
    """

    rows: int
    tested: int
    held: NDArray[np.float64]
    scale: float


@dataclass
class _Trial:
    """An experiment or a probation: the other model, the evidence, the rows up to which it is folded."""

    model: _Model
    evidence: dict[str, Any]
    upto: int
    promised: tuple[int, float] = (0, 0.0)


class Timeline:
    """The state of one policy. `run` goes from look to look and tells what happened."""

    def __init__(
        self,
        history: History,
        recipe: Recipe,
        clock: Clock,
        retraining: Retraining,
        release: Release,
        drifting: Drifting | None = None,
    ) -> None:
        self._history, self._recipe, self._clock = history, recipe, clock
        self._settings, self._release, self._drifting = retraining, release, drifting
        self._days = history.times.astype("datetime64[D]")
        self._names = np.datetime_as_string(self._days)
        self._hours = (
            history.times.astype("datetime64[h]").astype(np.int64) + 72
        )  # of the week; 1970 began on a Thursday
        self._index = pd.DataFrame({"t": history.times})
        first = int(clock.known[clock.start])
        self._champion = self._fit(first)
        self._since = clock.start  # the champion answers from this row on
        self._last = clock.start, first  # the last training: row and labels
        self._price = rules.price(retraining, self._champion.held)
        self._trial: _Trial | None = None
        self._probation: _Trial | None = None
        self._past: list[rules.Past] = []
        self._tried = 0
        self._watch()
        self.told = Told(retraining.policy, np.zeros(len(history.times), np.intp))

    @property
    def price(self) -> float:
        """Of one retraining, in the unit of value: by the first model's losses, so that policies have one price."""
        return self._price

    def look(self, i: int, until: int) -> None:
        """Fold in what is known when row `i` is answered, decide, and answer the rows up to `until`."""
        known = int(self._clock.known[i])
        self._alarm(i, known)
        self._judge_probation(i, known)
        self._judge_trial(i, known)
        if self._trial is None:
            facts = self._facts(i, known)
            outcome = rules.weigh(self._settings, facts)
            if outcome.retrain:
                self._retrain(i, known, outcome.numbers)
        self.told.served[i:until] = self._champion.rows

    def _fit(self, known: int) -> _Model:
        """A model of the rows whose label is known, tested on the holdout: as the training job does."""
        past, _ = evaluate.split(self._index.iloc[:known], "t")
        held = self._recipe.errors(len(past))[len(past) : known]
        scale = loss.scale(held) if self._history.task == "regression" else 1.0
        return _Model(known, len(past), np.minimum(held, scale), scale)

    def _errors(self, learnt: int, rows: slice) -> NDArray[np.float64]:
        """Of a fit on the `learnt` oldest rows, bounded by the champion's scale: a pair is measured in one unit."""
        return np.minimum(self._recipe.errors(learnt)[rows] / self._champion.scale, 1.0)

    def _facts(self, i: int, known: int) -> rules.Facts:
        times, (row, labels) = self._history.times, self._last
        own = self._recipe.errors(self._champion.rows)[max(self._since, known - self._settings.min_labels) : known]
        month = times[i] - np.timedelta64(rules.MONTH)
        newest = times[self._champion.rows - 1]
        enough = known - labels >= self._settings.min_labels
        return rules.Facts(
            labels=known - labels,
            traffic=i - row,
            waited=_span(times[i] - times[row]),
            age=_span(times[i] - newest),
            recent=np.minimum(own, self._champion.scale),
            reference=self._champion.held,
            alarmed=self._state.alarmed,
            drifted=enough and self._drifting is not None and self._drifting.drifted(self._champion.rows, row, i),
            new_rows=known > labels,
            this_month=sum(times[r] > month for r in self.told.retrains),
            past=self._past,
            price=self._price,
        )

    def _retrain(self, i: int, known: int, numbers: dict[str, Any]) -> None:
        """Train, and what follows at once: refused by the gate of the holdout, or on trial."""
        self.told.retrains.append(i)
        promised = known - self._last[1], float(numbers["promised"])
        self._last = i, known
        try:
            challenger = self._fit(known)
        except TrainingError:
            self._past.append(rules.Past(*promised, 0.0))
            return
        held = slice(challenger.tested, known)
        ours, theirs = (self._errors(model.tested, held) for model in (challenger, self._champion))
        if challenger.rows <= self._champion.rows or self._refused(ours, theirs, held):
            self._past.append(rules.Past(*promised, 0.0))
            return
        if self._release.experiment == "none":
            gained = float((theirs - ours).mean()) * self._champion.scale
            self._past.append(rules.Past(*promised, gained, promoted=True))
            self._promote(i, challenger)
            return
        self._tried += 1
        self._trial = _Trial(challenger, experiment.begin(self._release, self._tried), i, promised)

    def _refused(self, ours: NDArray[np.float64], theirs: NDArray[np.float64], held: slice) -> bool:
        """The gate: no better than guessing, or clearly worse than the champion."""
        label = self._history.target
        middle = evaluate.middle(label.iloc[: held.start], self._history.task)
        truth = label.iloc[held].to_numpy()
        guess = np.full(len(truth), middle, dtype=truth.dtype)
        guessing = loss.bounded(self._history.task, guess, truth, self._champion.scale)
        return bool(ours.mean() >= guessing.mean() or ours.mean() > theirs.mean() * (1 + CLEARLY))

    def _judge_trial(self, i: int, known: int) -> None:
        trial = self._trial
        if trial is None:
            return
        self._fold(trial, self._champion, trial.model, known)
        said = experiment.judge(trial.evidence, self._release)
        if said is None:
            return
        gained = (trial.evidence["mean"] or 0.0) * self._champion.scale
        self._past.append(rules.Past(*trial.promised, gained, said.promote))
        self._trial = None
        if said.promote:
            self._promote(i, trial.model)

    def _judge_probation(self, i: int, known: int) -> None:
        trial = self._probation
        if trial is None:
            return
        self._fold(trial, trial.model, self._champion, known)
        if trial.evidence["verdict"] == "fail":
            self.told.rollbacks.append(i)
            self._champion, self._since, self._probation, self._trial = trial.model, i, None, None
            self._watch()
        elif trial.evidence["verdict"] == "pass" or trial.evidence["n"] >= self._release.probation:
            self._probation = None

    def _fold(self, trial: _Trial, champion: _Model, challenger: _Model, known: int) -> None:
        if known > trial.upto:
            new = self._pairs(champion, challenger, slice(trial.upto, known))
            trial.evidence, trial.upto = experiment.take(trial.evidence, new), known

    def _pairs(self, champion: _Model, challenger: _Model, rows: slice) -> pa.Table:
        columns = [
            [str(row) for row in range(rows.start, rows.stop)],
            self._names[rows].tolist(),
            self._errors(champion.rows, rows),
            self._errors(challenger.rows, rows),
        ]
        return pa.table(columns, schema=pairs.SCHEMA)

    def _promote(self, i: int, challenger: _Model) -> None:
        self.told.promotions.append(i)
        if self._release.probation and self._release.experiment != "none":
            shadow = self._release.model_copy(update={"experiment": "shadow"})
            self._probation = _Trial(self._champion, experiment.begin(shadow, 1), i)
        self._champion, self._since, self._tried = challenger, i, 0
        self._watch()

    def _watch(self) -> None:
        """The alarm of a new champion: by the day, what is allowed by the hours of the week."""
        rows = slice(self._champion.tested, self._champion.rows)
        held, hours = self._champion.held / self._champion.scale, self._hours[rows] % _HOURS
        self._state = alarm.daily(held, hours, _HOURS, self._days[rows], _YEAR)
        self._watched = self._since

    def _alarm(self, i: int, known: int) -> None:
        """Days of which all labels have come."""
        start = self._watched
        if known <= start or self._state.alarmed:
            return
        whole = int(np.searchsorted(self._days[start:known], self._days[known - 1])) + start
        if whole == start:
            return
        days, place = np.unique(self._days[start:whole], return_inverse=True)
        lost = self._errors(self._champion.rows, slice(start, whole))
        hours = np.zeros((len(days), _HOURS), dtype=np.int64)
        np.add.at(hours, (place, self._hours[start:whole] % _HOURS), 1)
        self._state = self._state.update(np.bincount(place, lost) / np.bincount(place), hours)
        self._watched = whole
        if self._state.alarmed:
            self.told.alarms.append(i)


def _span(difference: Any) -> timedelta:
    return timedelta(microseconds=int(difference / np.timedelta64(1, "us")))
