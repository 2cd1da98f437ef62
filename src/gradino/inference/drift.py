"""Drift: are today's rows distributed as the reference's were, and where not? It explains an alarm, and raises none.

A `Profile` holds counts over cells that were fixed by the reference. Counts add, so the profile of a month is the sum
of its minutes' and costs the same to compare; only `profile` ever sees rows.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from gradino.inference import chisquare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Verdict = Literal["stable", "drift", "insufficient"]

MINIMUM = 500
"""Rows, on either side, below which a comparison is insufficient."""

CELLS = 10
"""Quantile cells of a number; a value that alone fills a cell gets its own."""

TOP = 30
"""Categories counted one by one; the reference's others share a cell."""

KNOWN = 1000
"""Categories remembered; what is not among them is unseen."""


class Numbers(msgspec.Struct, frozen=True, tag="numbers"):
    """Cells of a number: from each of `starts` to below the next, the last to `high`; then below, above, missing."""

    starts: tuple[float, ...]
    high: float


class Categories(msgspec.Struct, frozen=True, tag="categories"):
    """Cells of a category: one for each of `top`, one for all `others` of the reference; then unseen, missing."""

    top: tuple[str, ...]
    others: tuple[str, ...]


class Feature(msgspec.Struct, frozen=True):
    """One column: its cells and how many rows fell into each, in the order that the cells give."""

    cells: Numbers | Categories
    counts: tuple[int, ...]

    @property
    def missing(self) -> float:
        """The share of missing values, in [0, 1]."""
        return self.counts[-1] / max(sum(self.counts), 1)

    @property
    def outside(self) -> float:
        """The share beyond the reference's range or, of a category, never seen in it."""
        beyond = self.counts[-3:-1] if isinstance(self.cells, Numbers) else self.counts[-2:-1]
        return sum(beyond) / max(sum(self.counts), 1)


class Profile(msgspec.Struct, frozen=True):
    """Counts of `rows` rows, per column."""

    rows: int
    features: dict[str, Feature]


class Finding(msgspec.Struct, frozen=True):
    """What the comparison of one column says: `psi` against `psi_limit`, `distance` (Jensen–Shannon) against its own.

    `distance_limit` is None where the reference came without chunks. `missing` and `outside` are the shares of
    `Feature`, of the reference and of the current rows.
    """

    verdict: Verdict
    psi: float
    psi_limit: float
    distance: float
    distance_limit: float | None
    missing: tuple[float, float]
    outside: tuple[float, float]


def merge(profiles: Sequence[Profile]) -> Profile:
    """The profile of all rows of `profiles`: the same in any order and grouping.

    Raises ValueError for none, and for profiles over different cells, that is, made like different references.
    """
    if not profiles:
        raise ValueError("nothing to merge")
    merged = {}
    for name, feature in profiles[0].features.items():
        same = [p.features[name] for p in profiles if name in p.features]
        if len(same) < len(profiles) or any(f.cells != feature.cells for f in same):
            raise ValueError(f"{name}: only profiles over the same cells add up; make them like one reference")
        counts = np.array([f.counts for f in same], dtype=np.int64).sum(axis=0)
        merged[name] = Feature(feature.cells, tuple(counts.tolist()))
    return Profile(sum(p.rows for p in profiles), merged)


def profile(columns: Mapping[str, NDArray[Any]], like: Profile | None = None) -> Profile:
    """Count `columns`, arrays of shape (n,), over the cells of `like`; without it they are the reference and make them.

    The dtype decides: booleans and numbers are numbers, all else is a category under its `str`. None and NaN are
    missing. Columns that `like` has not are left out; raises ValueError for one that only `like` has, and for columns
    of different lengths.
    """
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns have different lengths: {sorted(lengths)}")
    if like is None:
        cells = {name: _cells(column) for name, column in columns.items()}
    elif absent := like.features.keys() - columns.keys():
        raise ValueError(f"columns of the reference are absent: {', '.join(sorted(absent))}")
    else:
        cells = {name: feature.cells for name, feature in like.features.items()}
    features = {name: Feature(cell, _count(columns[name], cell)) for name, cell in cells.items()}
    return Profile(max(lengths, default=0), features)


def compare(
    reference: Profile, current: Profile, chunks: Sequence[Profile] = (), alpha: float = 0.05
) -> dict[str, Finding]:
    """The finding for each of the reference's columns; both profiles over the same cells.

    Drift is what is large *and* significant: PSI above max(0.1, (1/n + 1/m) χ²_{B−1, 1−alpha/d}). 0.1 is the size that
    practice calls moderate; the second term bounds the PSI of n against m independent rows without drift (Yurdakul &
    Naranjo 2020, J. Risk Model Validation 14), with B the cells in use and d the columns. Rows are seldom independent.
    So where `chunks` are the reference's consecutive pieces (its days, say), merged until each is as large as
    `current`, the Jensen–Shannon distance must also exceed the mean + 3σ of theirs; fewer than five say nothing.
    Below 500 rows on either side the verdict is insufficient. Where the data has a season, take reference and chunks
    from the same one: `merge` the profiles of those hours.
    """
    pieces = _pieces(chunks, current.rows)
    level = alpha / max(len(reference.features), 1)
    return {
        name: _finding(feature, current.features[name], [piece.features[name] for piece in pieces], level)
        for name, feature in reference.features.items()
    }


def psi(reference: Sequence[int], current: Sequence[int]) -> float:
    """Population stability index Σ (q − p) ln(q/p) of two vectors of counts; each cell gets ½ more, against log 0."""
    p, q = (np.array(counts) + 0.5 for counts in (reference, current))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def distance(reference: Sequence[int], current: Sequence[int]) -> float:
    """Jensen–Shannon distance of two vectors of counts, in [0, 1]: the root of the divergence in bits (Lin 1991)."""
    p, q = (np.array(counts) / max(sum(counts), 1) for counts in (reference, current))
    middle = (p + q) / 2
    bits = sum(float((s[s > 0] * np.log2(s[s > 0] / middle[s > 0])).sum()) for s in (p, q)) / 2
    return math.sqrt(min(max(bits, 0.0), 1.0))


def _finding(before: Feature, now: Feature, pieces: list[Feature], level: float) -> Finding:
    used = [(b, n) for b, n in zip(before.counts, now.counts, strict=True) if b or n]
    past, present = [b for b, _ in used], [n for _, n in used]
    rows = sum(past), sum(present)
    noise = sum(1 / max(n, 1) for n in rows) * chisquare.quantile(1 - level, max(len(used) - 1, 1))
    own = np.array([distance(before.counts, piece.counts) for piece in pieces])
    index, index_limit = psi(past, present), max(0.1, noise)
    gap, gap_limit = distance(past, present), float(own.mean() + 3 * own.std(ddof=1)) if len(own) >= 5 else None
    drifted = index > index_limit and (gap_limit is None or gap > gap_limit)
    return Finding(
        verdict="insufficient" if min(rows) < MINIMUM else "drift" if drifted else "stable",
        psi=index,
        psi_limit=index_limit,
        distance=gap,
        distance_limit=gap_limit,
        missing=(before.missing, now.missing),
        outside=(before.outside, now.outside),
    )


def _pieces(chunks: Sequence[Profile], rows: int) -> list[Profile]:
    pieces, group = [], list[Profile]()
    for chunk in chunks:
        group.append(chunk)
        if sum(p.rows for p in group) >= max(rows, 1):
            pieces.append(merge(group))
            group = []
    return pieces


def _cells(column: NDArray[Any]) -> Numbers | Categories:
    if column.dtype.kind not in "biuf":
        ranked = [name for name, _ in sorted(_categories(column).items(), key=lambda item: (-item[1], item[0]))]
        return Categories(tuple(ranked[:TOP]), tuple(ranked[TOP:KNOWN]))
    finite = column[np.isfinite(column)].astype(np.float64)
    if not finite.size:
        return Numbers((0.0,), 0.0)
    values, counts = np.unique(finite, return_counts=True)
    below = np.cumsum(counts) - counts
    starts = values[np.searchsorted(below, np.arange(CELLS) * len(finite) / CELLS, side="right") - 1]
    heavy = np.flatnonzero(counts >= len(finite) / CELLS)
    after = values[np.minimum(heavy + 1, len(values) - 1)]
    return Numbers(tuple(np.unique([*starts, *values[heavy], *after]).tolist()), float(values[-1]))


def _count(column: NDArray[Any], cells: Numbers | Categories) -> tuple[int, ...]:
    if isinstance(cells, Categories):
        counts = _categories(column)
        top, others = ([counts.pop(name, 0) for name in names] for names in (cells.top, cells.others))
        unseen = sum(counts.values())
        return (*top, sum(others), unseen, len(column) - sum(top) - sum(others) - unseen)
    values = column.astype(np.float64)
    values = values[~np.isnan(values)]
    above = values > cells.high
    cell = np.bincount(np.searchsorted(cells.starts, values[~above], side="right"), minlength=len(cells.starts) + 1)
    return (*cell[1:].tolist(), int(cell[0]), int(above.sum()), len(column) - len(values))


def _categories(column: NDArray[Any]) -> Counter[str]:
    counts = Counter[str]()
    for value, count in Counter(column.tolist()).items():
        if value is not None and (value == value) is True:  # NaN, NaT and pandas' NA are not equal to themselves
            counts[str(value)] += count
    return counts
