"""The alarm for harm: has the loss of the model in production risen above what it was released with?

For rows in the order of their labels, with loss_t in [0, 1] and r the loss the model is allowed,

    M_t = (M_{t−1} + 1) · (1 + λ (loss_t − r)),   alarm at M_t ≥ A.

A new bet of 1 is placed before every row, and M is what all of them hold. While the expected loss, given the past, is
at most r, no bet can be expected to win, so M_t − t cannot be expected to rise. Hence the mean time to a false alarm is
at least A labels, and k labels raise one with a probability of at most k/A: with A = labels a year, at most about one
false alarm a year. A factor must not be negative, so λ ≤ 1/r; M is the mean over λ = f/r with f = 0.9, ½, ¼, … Where
each context has its own r, the bet of a row is f over its r or the mean of all, whichever is larger.

Means of many losses, of a day say, are never near 0, and a loss x that cannot fall below φr allows bets up to
1/((1 − φ)r). So `daily` counts a day as φr at least, and allows what that can add to its expectation. Since
max(φr − x, 0) ≤ (x − r)²/(4(1 − φ)r), that is the variance of its mean over 4(1 − φ)r: more for a day of few labels.

This is the Shiryaev–Roberts e-detector of Shin, Ramdas & Rinaldo (arXiv 2203.03532); see also Podkopaev & Ramdas
(arXiv 2110.06177). Their e-CUSUM, max(M_{t−1}, 1) in place of M_{t−1} + 1, makes the same promise, lies below it at
every t, and so finds a change later: three times later in `benchmarks/inference_alarm.py`. One thing is asked beside
M_t ≥ A: e-CUSUM must stand at 20, that is, bets placed at the change must have won. Where losses hardly vary, M would
reach A by the number of bets alone; elsewhere this delays nothing.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from gradino.inference.eprocess import CHUNK, walk, wealth
from gradino.inference.losses import observed, standard_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FRACTIONS = np.array([0.9, *0.5 ** np.arange(1, 8)])
"""0.9, ½ … 1/128 of the largest bet, 1/r. The best for a rise by Δ of a 0/1 loss is near Δ/(1 − r); the largest is for
means, which vary little."""

STAKES = np.full(len(FRACTIONS), 1 / len(FRACTIONS))

LEAST = 20.0
"""Where e-CUSUM must stand for an alarm."""

FLOOR = 0.5
"""The least that a day counts, of what it is allowed, where days vary little enough."""

DAYS = 10
"""Days of a holdout below which nothing is known of how days vary, and none is floored."""

WEEK = 7
"""Days for which one is taken to resemble those before it."""


class Harm(msgspec.Struct, frozen=True):
    """An alarm on one stream of losses: `state = state.update(losses)` until `state.alarmed`.

    `reference`: the loss allowed, in (0, 1], or one per context (hour of week, say); see `reference`. `threshold`: A,
    the labels expected a year; to watch k slices with one error budget, give each k·A. `floor`: of what it is allowed,
    the least that a loss counts; `noise`: the variances of single losses and of days, for which it is then allowed
    more; see `daily`. `walks` are the running sums of the log factors, one per λ, and `sums` the log of Σ 1/exp(walk)
    over the rows so far, so M_t + 1 = exp(walk + sum); `lows` are the least walks so far and `starts` the rows after
    which they were reached. `n` counts rows with a loss. An alarm stays: an alarmed state ignores further rows, and its
    `n` is the row that raised it. Raises ValueError for a reference outside (0, 1], a threshold of 1 or less or a loss
    outside [0, 1].
    """

    reference: tuple[float, ...] | float
    threshold: float
    floor: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)
    n: int = 0
    walks: tuple[float, ...] = (0.0,) * len(FRACTIONS)
    sums: tuple[float, ...] = (0.0,) * len(FRACTIONS)
    lows: tuple[float, ...] = (0.0,) * len(FRACTIONS)
    starts: tuple[int, ...] = (0,) * len(FRACTIONS)

    def __post_init__(self) -> None:
        allowed = np.atleast_1d(self.reference)
        if not (allowed.size and (allowed > 0).all() and (allowed <= 1).all()):
            raise ValueError(f"a reference loss lies in (0, 1], got {self.reference}")
        if not self.threshold > 1:
            raise ValueError(f"the threshold is the labels of a year, more than 1, got {self.threshold}")

    @property
    def evidence(self) -> float:
        """M_t: while the loss is at most the reference, it is expected to be at most `n`."""
        return float(wealth(np.add(self.walks, self.sums), STAKES)) - 1

    @property
    def alarmed(self) -> bool:
        """Whether M_t has reached the threshold, and e-CUSUM its least stand."""
        since = float(wealth(np.subtract(self.walks, self.lows), STAKES))
        return self.evidence >= self.threshold and since >= LEAST

    @property
    def since(self) -> int:
        """The row, from 0, estimated to be the first of the change: where the bet that now holds most was placed."""
        return self.starts[int(np.argmax(np.subtract(self.walks, self.lows)))]

    def update(self, losses: ArrayLike, context: ArrayLike | None = None) -> Harm:
        """The state after `losses`, shape (n,), in the order of labels; NaN are left out.

        `context`, shape (n,): the index of each row's reference; needed when there is more than one. For losses that
        are means over several contexts, shape (n, contexts): the weight of each in the mean.
        """
        values, allowed = np.asarray(losses, dtype=np.float64), np.atleast_1d(self.reference)
        if context is None and len(allowed) > 1:
            raise ValueError(f"there are {len(allowed)} references: say with context which one each row has")
        known, state = ~np.isnan(values), self
        limits, rows = (each[known] for each in _limits(allowed, context, len(values)))
        lowest = self.floor * limits
        limits = np.minimum(limits + (self.noise[0] / rows + self.noise[1]) / (4 * (limits - lowest)), 1.0)
        excess = np.maximum(observed(values, low=0), lowest) - limits
        scale = np.maximum(limits, allowed.mean()) * (1 - lowest / limits)
        for start in range(0, len(excess), CHUNK):
            state = state._take(excess[start : start + CHUNK] / scale[start : start + CHUNK])
        return state

    def _take(self, excess: NDArray[np.float64]) -> Self:
        if self.alarmed:
            return self
        walks = walk(self.walks, np.log1p(np.outer(FRACTIONS, excess)))
        sums = np.logaddexp.accumulate(np.column_stack([self.sums, -walks]), axis=1)[:, 1:]
        lows = np.minimum.accumulate(np.column_stack([self.lows, walks]), axis=1)[:, 1:]
        lowest = np.where(walks <= lows, self.n + 1 + np.arange(len(excess)), 0)
        starts = np.maximum.accumulate(np.column_stack([self.starts, lowest]), axis=1)[:, 1:]
        alarmed = (wealth(walks + sums, STAKES) - 1 >= self.threshold) & (wealth(walks - lows, STAKES) >= LEAST)
        last = int(np.argmax(alarmed)) if alarmed.any() else len(excess) - 1
        return msgspec.structs.replace(
            self,
            n=self.n + last + 1,
            walks=tuple(walks[:, last].tolist()),
            sums=tuple(sums[:, last].tolist()),
            lows=tuple(lows[:, last].tolist()),
            starts=tuple(starts[:, last].tolist()),
        )


def _limits(
    allowed: NDArray[np.float64], context: ArrayLike | None, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The loss allowed of each of `n` rows, and of how many losses it is the mean."""
    if context is None:
        return np.broadcast_to(allowed, n), np.ones(n)
    given = np.asarray(context)
    if given.ndim == 2:
        weights = given.astype(np.float64)
        total = weights.sum(axis=1, keepdims=True)
        if weights.shape != (n, len(allowed)) or not ((weights >= 0).all() and (total > 0).all()):
            raise ValueError(f"context gives each of the {n} losses {len(allowed)} weights that are not all 0")
        return weights / total @ allowed, total[:, 0]
    rows = given.astype(np.intp)
    if len(rows) != n or not (rows.size == 0 or 0 <= rows.min() <= rows.max() < len(allowed)):
        raise ValueError(f"context gives each of the {n} losses an index below {len(allowed)}")
    return allowed[rows], np.ones(n)


def reference(losses: ArrayLike, confidence: float = 0.95) -> float:
    """A valid r from the model's losses on its time-ordered holdout, shape (n,): their mean plus a margin.

    The mean itself is not one: half of the time it is below the true loss, and then a false alarm is only a matter of
    time. The margin makes r an upper confidence bound (z times `losses.standard_error`, so also for losses that
    resemble their neighbours; at least the exact bound for a holdout without any loss), valid with probability
    `confidence`. It shrinks as 1/√n and costs delay (docs/statistics.md), so a large holdout, or one joined by the
    labels of the experiment, is worth having. Below 30 rows r is 1, and nothing can raise an alarm. NaN are left out.
    """
    values = np.asarray(losses, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return 1.0
    margin = NormalDist().inv_cdf(confidence) * standard_error(values)
    return min(float(values.mean()) + max(margin, -math.log(1 - confidence) / len(values)), 1.0)


def seasonal(losses: ArrayLike, context: ArrayLike, contexts: int, confidence: float = 0.95) -> tuple[float, ...]:
    """One r per context, shape (contexts,): for a model that is always worse at rush hour, which is no harm.

    `context`, shape (n,), is the index of each row's context in the holdout: its hour of the week, say, of 168. With
    few rows in each, their means are mostly noise. So each is drawn towards the overall mean by as much as its noise
    exceeds the differences between contexts (empirical Bayes; DerSimonian & Laird 1986), and all are raised by the
    margin that `reference` takes from the losses about these means. The promise is about whole seasons: a single
    context may be judged too strictly, but on average over the contexts the allowed loss is at least the expected one
    with probability `confidence`, and with constant bets it is the average that counts (see `eprocess`).
    """
    values, rows = np.asarray(losses, dtype=np.float64), np.asarray(context, dtype=np.intp)
    values, rows = values[~np.isnan(values)], rows[~np.isnan(values)]
    level = _levels(values, rows, contexts)
    return tuple(np.clip(level + reference(values - level[rows], confidence), 1e-9, 1.0).tolist())


def daily(
    losses: ArrayLike, context: ArrayLike, contexts: int, day: ArrayLike, threshold: float, confidence: float = 0.95
) -> Harm:
    """The alarm on means of days, before its first: of the holdout's `losses`, shape (n,), with the `day` of each.

    What is allowed is that of `seasonal`, with a margin that knows how far the mean of so many days may be off: days
    resemble those before them, so it is at least z times their standard error with autocorrelations up to a week (Newey
    & West 1987). From the variance between days and of losses within one follows what a day of so many labels is
    allowed for being floored; where that is more than a tenth of its loss, and with fewer than 10 days, none is
    floored. The alarm wants the counts of its contexts as weights of a day's mean.
    """
    values, rows, days = np.asarray(losses, dtype=np.float64), np.asarray(context, np.intp), np.asarray(day)
    known = ~np.isnan(values)
    values, rows, (_, place) = values[known], rows[known], np.unique(days[known], return_inverse=True)
    level = _levels(values, rows, contexts)
    rest, count = values - level[rows], np.bincount(place)
    margin, k = reference(rest, confidence), len(count)
    if k < DAYS:
        return Harm(tuple(np.clip(level + margin, 1e-9, 1.0).tolist()), threshold)
    means = np.bincount(place, rest) / count
    about = means - means.mean()
    spread = float(about @ about)
    alike = sum(2 * (1 - lag / (WEEK + 1)) * float(about[lag:] @ about[:-lag]) for lag in range(1, WEEK + 1))
    error = math.sqrt((spread + max(alike, 0.0)) / (k - 1) / k)
    margin = max(margin, float(means.mean()) + NormalDist().inv_cdf(confidence) * error)
    within = float(((rest - means[place]) ** 2).sum()) / max(len(rest) - k, 1)
    between = max(spread / (k - 1) - within * float((1 / count).mean()), 0.0)
    allowed = np.clip(level + margin, 1e-9, 1.0)
    harm = Harm(tuple(allowed.tolist()), threshold, FLOOR, (within, between))
    dear = (within / float(np.median(count)) + between) / (4 * (1 - FLOOR)) > 0.1 * float(allowed.mean()) ** 2
    return msgspec.structs.replace(harm, floor=0.0, noise=(0.0, 0.0)) if dear else harm


def _levels(values: NDArray[np.float64], rows: NDArray[np.intp], contexts: int) -> NDArray[np.float64]:
    """The mean loss of each context, drawn towards that of all, shape (contexts,)."""
    n, overall = len(values), float(values.mean()) if len(values) else 1.0
    count = np.bincount(rows, minlength=contexts)
    seen = int((count > 0).sum())
    mean = np.bincount(rows, values, minlength=contexts) / np.maximum(count, 1)
    noise = float(((values - mean[rows]) ** 2).sum()) / max(n - seen, 1)
    between = float((count * (mean - overall) ** 2).sum()) - (seen - 1) * noise
    variance = max(between, 0.0) / max(n - float((count**2).sum()) / max(n, 1), 1.0)
    weight = count * variance / np.maximum(count * variance + noise, 1e-12)
    level: NDArray[np.float64] = overall + weight * (mean - overall)
    return level
