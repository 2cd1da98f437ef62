"""What a retraining is worth: the loss it would avoid, times traffic and value, minus its cost.

Two things say what it would avoid: how far the loss has risen (`retraining_value`), and what past retrainings gained
for the age of the model they challenged (`ageing`). The first sees a sudden change, the second a slow one, and the
gain from more data, which no rise shows.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gradino.inference.losses import standard_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Gain(msgspec.Struct, frozen=True):
    """`avoidable` loss per prediction, its `lower` estimate (None while there are too few labels), and what they buy.

    `expected` = traffic · value · avoidable − cost and `cautious`, the same of `lower`, in the unit of the cost.
    `worthwhile` when the cautious one is positive; without a lower estimate, never.
    """

    avoidable: float
    lower: float | None
    expected: float
    cautious: float | None

    @property
    def worthwhile(self) -> bool:
        """Whether even the cautious estimate pays for the retraining."""
        return self.cautious is not None and self.cautious > 0


def retraining_value(
    recent: ArrayLike,
    reference: ArrayLike,
    *,
    traffic: float,
    value: float,
    cost: float,
    recovery: float = 1.0,
    confidence: float = 0.8,
) -> Gain:
    """Whether to retrain, from the champion's `recent` losses and its `reference` losses when it was new.

    Both of shape (n,), in time order, in any one unit of loss; `value` is the worth of one such unit per prediction,
    `traffic` the predictions that the new model would serve before the next retraining, `cost` that of one retraining.
    A fresh model is expected to restore `recovery` of the rise of the loss (see `recovery`), so
    avoidable = recovery · (mean(recent) − mean(reference)), and `lower` is its one-sided bound at `confidence`, from
    the normal approximation with `losses.standard_error` of both. A moderate confidence is right here: a useless
    retraining costs its price and no more, since the experiment refuses what does not help. NaN are left out; with
    fewer than 30 losses on either side there is no lower estimate. Sources: arXiv 2310.04216, 2505.14903.
    """
    late, early = (np.asarray(losses, dtype=np.float64) for losses in (recent, reference))
    error = math.hypot(standard_error(late), standard_error(early))
    rise = float(np.nanmean(late) - np.nanmean(early)) if math.isfinite(error) else 0.0
    avoidable, lower = recovery * rise, recovery * (rise - NormalDist().inv_cdf(confidence) * error)
    gross = traffic * value
    return Gain(
        avoidable=avoidable,
        lower=lower if math.isfinite(error) else None,
        expected=gross * avoidable - cost,
        cautious=gross * lower - cost if math.isfinite(error) else None,
    )


def recovery(promised: ArrayLike, realised: ArrayLike) -> float:
    """The share of the promised gain that past retrainings delivered, in [0, 1]; 1 before the first.

    `promised` and `realised`, shape (k,): per retraining the `avoidable` foreseen at recovery 1 and the loss per
    prediction saved against the model it replaced (0 where the experiment refused it). A ratio estimate, with one
    retraining of average promise that kept it added as the prior; so a project that retraining does not help spends
    less and less on it, and one good retraining restores some trust.
    """
    foreseen, saved = np.asarray(promised, dtype=np.float64), np.asarray(realised, dtype=np.float64)
    if foreseen.shape != saved.shape:
        raise ValueError(f"one outcome per promise, got {foreseen.shape} and {saved.shape}")
    total = float(foreseen.sum())
    if total <= 0:
        return 1.0
    prior = total / len(foreseen)
    return min(max((prior + float(saved.sum())) / (prior + total), 0.0), 1.0)


def ageing(labels: ArrayLike, gained: ArrayLike, *, prior: tuple[float, float], memory: float = 0.8) -> float:
    """How much a retraining gains for each label since the one before it: loss per prediction per label.

    `labels` and `gained`, shape (k,), oldest first: per past retraining the labels that had come since the one before,
    and the loss per prediction by which the experiment found it better; a loss counts as no gain. The slope of a least
    squares line through the origin, in which each retraining counts `memory` of the next, beside one imaginary
    retraining that never fades: `prior`, its labels and its gain. With it a project without a history tries; where
    tries gain nothing, the squares of the labels waited in vain lower the slope, and the waits grow geometrically.

    A model that ages by this slope b loses b·T²/2 in T labels, so cost per label is least at T = √(2·cost/(b·value)),
    as for an order quantity (Harris 1913); see arXiv 2310.04216 for retraining.
    """
    waited, saved = np.asarray(labels, dtype=np.float64), np.asarray(gained, dtype=np.float64)
    if waited.shape != saved.shape:
        raise ValueError(f"one gain per retraining, got {waited.shape} and {saved.shape}")
    weight = memory ** np.arange(len(waited))[::-1]
    first, gain = prior
    above = first * gain + float((weight * waited * np.maximum(saved, 0.0)).sum())
    return above / (first**2 + float((weight * waited**2).sum()))
