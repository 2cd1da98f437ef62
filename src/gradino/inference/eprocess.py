"""Paired comparison of two models that may be looked at after every label.

For each labelled row, d = loss(champion) − loss(challenger) lies in [−1, 1]. Someone bets, row by row, that the
challenger is not worse by more than δ; a fair game for a challenger that is. The wealth after t rows,

    E_t = ∏ (1 + λ_i x_i),   x_i = (d_i + δ) / (1 + δ),   λ_i in [0, 0.9] set from the past,

is then expected to stay at or below 1, and reaches 1/α with a probability of at most α – at any time, under any
stopping rule (Ville 1939). The mirrored wealth, of −x, bets that the challenger is worse. Sources: Waudby-Smith &
Ramdas 2024 (JRSS B 86); Howard et al. 2021 (Ann. Stat. 49); Choe & Ramdas arXiv 2110.00115.

The λ_i are those of a mixture: a stake each goes to the constant bets 0.9, ½, ¼, …, and E_t is the sum of their
wealths, that is, λ_i is the mean bet weighted by what each has won so far (Cover 1991). Beside needing few labels,
constant bets make a stronger promise. Losses drift and have seasons, so no one mean may exist; but 1 + y ≤ exp(y), so
for a constant bet ∏(1 + λx_i) is at most exp(λ Σ m_i) times a martingale, with m_i the expectation of x_i given the
past. Hence

    P(some t: E_t ≥ 1/α while the challenger was, on average up to t, worse by δ or more) ≤ α,

whatever the order of good and bad hours. A bet that follows the recent past does not have this property.

"On average up to t" is a statement about the days that were. Where whole days go well or badly for one of the models,
the average of ten days is not the average of the year, and hourly rows look like more evidence than they are. So the
evidence is tempered: each wealth is raised to 1/deff, deff ≥ 1 being the design effect of the rows so far (Kish 1965).
That costs no validity, for Σ w_k W_k^(1/deff) ≤ (Σ w_k W_k)^(1/deff): what passes tempered has passed untempered.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Self

import msgspec
import numpy as np

from gradino.inference.losses import observed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

Verdict = Literal["pass", "fail", "insufficient"]

BETS = np.array([0.9, *0.5 ** np.arange(1, 9)])
"""0.9, ½ … 1/256. The best is near mean/variance of x: 1/256 suits 0.04 points where models differ on 10 % of rows, and
regressions, whose errors differ a little on every row, the largest."""

STAKES = np.array([8, 8, 8, 8, 8, 8, 4, 2, 1]) / 55
"""What each bet starts with: less where only a million labels could decide."""

CHUNK = 2048
"""Rows taken at once: they stay in the cache. It changes no result."""

_LIKELY = 0.8416
"""Standard errors that the true mean is below with 80 %."""

DAYS = 10
"""Days of rows below which their design effect is not estimated but assumed as large as it can be."""


class Paired(msgspec.Struct, frozen=True):
    """A paired experiment: `state = state.update(d, days)` until `state.verdict` is "pass" or "fail".

    `alpha` bounds the probability of ever passing a challenger that is worse by `worse_by` or more, and of ever
    failing one that is better than that. `n` rows with a loss were seen, their differences summing to `total` and the
    squares of these to `squares`; each of `days` had so many rows with that sum, `between` is Σ sum²/rows and `sizes`
    Σ rows²; `better` and `worse` are the log wealths of the bets. At least `least` rows are needed to pass.

    A verdict is final: a decided state ignores further rows, so `n` and `evidence` are those of the decision. Raises
    ValueError for `alpha` outside (0, 1), `worse_by` outside [0, 1) or a difference outside [−1, 1].
    """

    alpha: float = 0.05
    worse_by: float = 0.0
    least: int = 0
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    days: dict[str, tuple[int, float]] = {}
    between: float = 0.0
    sizes: int = 0
    better: tuple[float, ...] = (0.0,) * len(BETS)
    worse: tuple[float, ...] = (0.0,) * len(BETS)
    verdict: Verdict = "insufficient"

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is a probability between 0 and 1, got {self.alpha}")
        if not 0 <= self.worse_by < 1:
            raise ValueError(f"worse_by is a loss in [0, 1), got {self.worse_by}")

    @property
    def deff(self) -> float:
        """How many rows say as much as one independent row would: n · var(mean of a day) / var(one row), at least 1.

        At most as many as a day has; that many, too, before `DAYS` days.
        """
        return _Effect(self).value

    @property
    def evidence(self) -> float:
        """E_t: how strongly the rows say that the challenger is not worse by `worse_by`; pass at 1/alpha."""
        return float(wealth(np.array(self.better) / self.deff, STAKES))

    @property
    def against(self) -> float:
        """The mirrored E_t: how strongly they say that it is worse by more; fail at 1/alpha."""
        return float(wealth(np.array(self.worse) / self.deff, STAKES))

    @property
    def mean(self) -> float:
        """The mean of d, the loss saved per row by the challenger; NaN before the first."""
        return self.total / self.n if self.n else math.nan

    def foreseen(self, n: int) -> float:
        """What the evidence would be after `n` rows, were their mean as good as those so far allow (80 %, one-sided).

        Each bet's log wealth grows by its mean so far, and, to first order, by the bet for what the mean may be better.
        A forecast, not a bound: to be used for giving up, never for passing.
        """
        spread = max(self.squares / self.n - self.mean**2, 0.0) * self.deff / self.n
        better = _LIKELY * math.sqrt(spread) / (1 + self.worse_by)
        return float(wealth((np.array(self.better) / self.n + BETS * better) * n / self.deff, STAKES))

    def update(self, d: ArrayLike, days: Sequence[str] | None = None) -> Paired:
        """The state after the differences `d`, shape (n,), in the order in which labels arrived; NaN are left out.

        `days` names the day of each row, by event time; without them the rows count as independent.
        """
        observed(d, low=-1)
        values, state = np.asarray(d, dtype=np.float64), self
        if days is not None and len(days) != len(values):
            raise ValueError(f"one day per row, got {len(days)} of {len(values)}")
        known = np.flatnonzero(~np.isnan(values))
        for start in range(0, len(known), CHUNK):
            rows = known[start : start + CHUNK]
            state = state._take(values[rows], [days[row] for row in rows] if days is not None else None)
        return state

    def _take(self, d: NDArray[np.float64], days: list[str] | None) -> Self:
        if self.verdict != "insufficient":
            return self
        effect = _Effect(self)
        tempered = effect.after(d, days)
        gained = np.outer(BETS, (d + self.worse_by) / (1 + self.worse_by))
        better, worse = walk(self.better, np.log1p(gained)), walk(self.worse, np.log1p(-gained))
        passed, failed = (wealth(logs / tempered, STAKES) >= 1 / self.alpha for logs in (better, worse))
        sums = walk((self.total, self.squares), np.array([d, d * d]))
        passed &= self.n + np.arange(1, len(d) + 1) >= self.least
        ends = passed | failed
        last = int(np.argmax(ends)) if ends.any() else len(d) - 1
        if last < len(d) - 1:
            effect = _Effect(self)
            effect.after(d[: last + 1], days)
        verdict: Verdict = "pass" if passed[last] else "fail" if failed[last] else "insufficient"
        return msgspec.structs.replace(
            self,
            n=self.n + last + 1,
            total=float(sums[0, last]),
            squares=float(sums[1, last]),
            days=effect.days,
            between=effect.between,
            sizes=effect.sizes,
            better=tuple(better[:, last].tolist()),
            worse=tuple(worse[:, last].tolist()),
            verdict=verdict,
        )


class _Effect:
    """The design effect of rows that come one by one: mean square between days over the variance of all rows."""

    def __init__(self, state: Paired) -> None:
        self.days, self.between, self.sizes = dict(state.days), state.between, state.sizes
        self._n, self._total, self._squares = state.n, state.total, state.squares

    @property
    def value(self) -> float:
        """One without days; never more than the rows of a day."""
        if not self.days:
            return 1.0
        most, middle = max(self.sizes / self._n, 1.0), self._total**2 / self._n
        single = (self._squares - middle) / max(self._n - 1, 1)
        if len(self.days) < DAYS or single <= 1e-12:
            return most
        return min(max((self.between - middle) / (len(self.days) - 1) / single, 1.0), most)

    def after(self, d: NDArray[np.float64], days: Sequence[str] | None) -> NDArray[np.float64]:
        """Its value after each of the rows `d`, shape (n,); shape () without days."""
        if days is None:
            return np.array(self.value)
        return np.array([self._add(value, day) for value, day in zip(d.tolist(), days, strict=False)])

    def _add(self, d: float, day: str) -> float:
        rows, total = self.days.get(day, (0, 0.0))
        self.days[day] = rows + 1, total + d
        self.between += (total + d) ** 2 / (rows + 1) - (total**2 / rows if rows else 0.0)
        self.sizes += 2 * rows + 1
        self._n, self._total, self._squares = self._n + 1, self._total + d, self._squares + d * d
        return self.value


def budget(alpha: float, j: int) -> float:
    """α_j = 6α / (π² j²): the share of `alpha` for a champion's j-th challenger, j ≥ 1; they sum to `alpha`."""
    if j < 1:
        raise ValueError(f"challengers are counted from 1, got {j}")
    return 6 * alpha / (math.pi * j) ** 2


def walk(start: tuple[float, ...], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """`start` (k,) plus the running sums of `steps` (k, n): added in order, so a batch equals its rows one by one."""
    return np.cumsum(np.column_stack([start, steps]), axis=1)[:, 1:]


def wealth(logs: NDArray[np.float64], stakes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ stakes · exp(logs) over the first axis, added in order; a bet beyond e^700 no longer grows."""
    held = np.zeros(logs.shape[1:])
    for stake, log in zip(stakes, logs, strict=True):
        held += stake * np.exp(np.minimum(log, 700.0))
    return held
