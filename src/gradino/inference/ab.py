"""Unpaired comparison, for where the served answer changes the outcome and no row can be scored by both models.

Each unit (a user, a station) is assigned at random, for good, to one arm. Its requests resemble each other, so the unit
is the observation: one loss per unit, the mean over a window fixed beforehand, and not one per request.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Literal, Self

import msgspec
import numpy as np

from gradino.inference.eprocess import CHUNK, Verdict, walk
from gradino.inference.losses import observed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Arm = Literal["champion", "challenger"]

RATIO = 0.001
"""The p-value of the sample ratio below which an experiment is broken."""

PRIOR = 100.0
"""How firmly, in units, the sample-ratio test expects a broken share near the planned one; finds small breaks best."""

TUNED = 1000
"""The number of units at which the interval is narrowest for what is possible; elsewhere it loses little."""


def assign(salt: str, unit: str, share: float = 0.5) -> Arm:
    """The arm of `unit`: the challenger for a `share` in [0, 1] of units, always the same for one salt.

    A keyed hash (BLAKE2b, RFC 7693), so experiments with different salts are independent. Raising the share moves
    units from champion to challenger only.
    """
    key = hashlib.blake2b(salt.encode(), digest_size=32).digest()
    point = int.from_bytes(hashlib.blake2b(unit.encode(), key=key, digest_size=8).digest())
    return "challenger" if point < share * 2**64 else "champion"


class Unpaired(msgspec.Struct, frozen=True):
    """A randomised experiment: `state = state.update(challenger, losses)` until the verdict is "pass" or "fail".

    `alpha` and `worse_by` as in `eprocess.Paired`; `share`, in (0, 1), of the units go to the challenger. `units`,
    `total` and `squares` are number, sum and sum of squares of the losses of (champion, challenger). `ratio` is the log
    e-value that the shares are not as planned; its inverse is a p-value valid at any time (Lindon & Malek
    arXiv 2011.03567). Once below 0.001 the arms cannot be compared: the state is `broken` and stays insufficient. Only
    units with a loss count, so a model that loses its labels breaks the ratio too. A decided or broken state ignores
    further rows. Raises ValueError for parameters or losses out of range.
    """

    alpha: float = 0.05
    worse_by: float = 0.0
    share: float = 0.5
    burn_in: int = 100
    units: tuple[int, int] = (0, 0)
    total: tuple[float, float] = (0.0, 0.0)
    squares: tuple[float, float] = (0.0, 0.0)
    ratio: float = 0.0
    broken: bool = False
    verdict: Verdict = "insufficient"

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 <= self.worse_by < 1 and 0 < self.share < 1 and self.burn_in >= 1):
            raise ValueError("needs alpha and share in (0, 1), worse_by in [0, 1) and burn_in of at least 1")

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound of the challenger's advantage, loss(champion) − loss(challenger).

        Each holds at all times at once with probability 1 − alpha, asymptotically; (−1, 1) before `burn_in` units in
        both arms.
        """
        middle, width = self._now()
        return max(middle - width, -1.0), min(middle + width, 1.0)

    @property
    def evidence(self) -> float:
        """1/p, p the smallest `alpha` at which this interval says it is not worse by `worse_by`; pass at 1/alpha."""
        return self._evidence(1)

    @property
    def against(self) -> float:
        """The same for being worse by more; fail at 1/alpha."""
        return self._evidence(-1)

    def update(self, challenger: ArrayLike, losses: ArrayLike) -> Unpaired:
        """The state after units, in order: whether each is the `challenger`'s, and its loss, both of shape (n,).

        Losses lie in [0, 1]; NaN are left out.
        """
        arms, values = np.asarray(challenger, dtype=bool), np.asarray(losses, dtype=np.float64)
        arms, values, state = arms[~np.isnan(values)], observed(values, low=0), self
        for start in range(0, len(values), CHUNK):
            state = state._take(arms[start : start + CHUNK], values[start : start + CHUNK])
        return state

    def _take(self, challenger: NDArray[np.bool_], losses: NDArray[np.float64]) -> Self:
        if self.broken or self.verdict != "insufficient":
            return self
        arms = np.array([~challenger, challenger], dtype=np.float64)
        units, total, squares = (
            walk(self.units, arms),
            walk(self.total, arms * losses),
            walk(self.squares, arms * losses**2),
        )
        planned = np.array([[1 - self.share], [self.share]])
        before = units - arms
        foreseen = (PRIOR * planned + before) / (PRIOR + before.sum(axis=0))
        ratio = walk((self.ratio,), np.log((foreseen / planned * arms).sum(axis=0))[None])[0]
        middle, width = self._interval(units, total, squares)
        broken = ratio >= -math.log(RATIO)
        passed, failed = middle - width > -self.worse_by, middle + width < -self.worse_by
        ends = broken | passed | failed
        last = int(np.argmax(ends)) if ends.any() else len(losses) - 1
        verdict: Verdict = "pass" if passed[last] else "fail" if failed[last] else "insufficient"
        return msgspec.structs.replace(
            self,
            units=tuple(units[:, last].astype(int).tolist()),
            total=tuple(total[:, last].tolist()),
            squares=tuple(squares[:, last].tolist()),
            ratio=float(ratio[last]),
            broken=bool(broken[last]),
            verdict="insufficient" if broken[last] else verdict,
        )

    def _now(self) -> tuple[float, float]:
        middle, width = self._interval(*(np.array(part)[:, None] for part in (self.units, self.total, self.squares)))
        return float(middle[0]), float(width[0])

    def _evidence(self, side: int) -> float:
        """The boundary of `_interval` solved for alpha."""
        middle, width = self._now()
        lead, root = side * (middle + self.worse_by), math.sqrt(sum(self.units) * self._rho + 1)
        spent = (max(lead, 0.0) / width) ** 2 * math.log1p(root / (2 * self.alpha))
        return 2 * math.expm1(min(spent, 700.0)) / root

    @property
    def _rho(self) -> float:
        """ρ², which makes the interval narrowest at TUNED."""
        spent = -2 * math.log(min(2 * self.alpha, 0.5))
        return (spent + math.log(spent) + 1) / TUNED

    def _interval(
        self, units: NDArray[np.float64], total: NDArray[np.float64], squares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middle and half width, shape (n,), for running sums of shape (2, n).

        The one-sided asymptotic confidence sequence of Waudby-Smith et al. (arXiv 2103.06476, appendix B), on either
        side. The variance counts one more loss of 0 and one of 1 in each arm: without losses there is no certainty.
        """
        mean = total / np.maximum(units, 1)
        spread = (squares + 1) / (units + 2) - ((total + 1) / (units + 2)) ** 2
        n = units.sum(axis=0)
        error = (spread / np.maximum(units, 1)).sum(axis=0)
        rho = self._rho
        boundary = 2 * (n * rho + 1) / np.maximum(n * rho, rho) * np.log1p(np.sqrt(n * rho + 1) / (2 * self.alpha))
        width = np.where((units >= self.burn_in).all(axis=0), np.sqrt(error * boundary), np.inf)
        return mean[0] - mean[1], width
