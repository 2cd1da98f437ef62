"""Drift: are today's rows distributed as the reference's were, and where not? It explains an alarm, and raises none.

The reference fixes `Cells`, once; a `Profile` is the counts of some rows over them. Counts add, so the profile of a
month is the sum of its minutes' and costs the same to compare; rows are seen only once, when they are counted.
`compare` says whether a column changed, `parts` in which cells, `since` from when.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from gradino.inference import chisquare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

Verdict = Literal["stable", "drift", "insufficient"]
Counts = tuple[int, ...]

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


class Cells(msgspec.Struct, frozen=True):
    """The cells of each column, and the SHA-256 of their content."""

    columns: dict[str, Numbers | Categories]
    id: str


class Profile(msgspec.Struct, frozen=True):
    """How many of `rows` rows fell into each cell, per column, over the cells of that id; the last count is missing."""

    cells: str
    rows: int
    counts: dict[str, Counts]


class Finding(msgspec.Struct, frozen=True):
    """What the comparison of one column says: `psi` against `psi_limit`, `distance` (Jensen–Shannon) against its own.

    `distance_limit` is None where the reference came without chunks. `missing` is the share of missing values and
    `outside` that beyond the range of the cells or, of a category, never seen: in the reference and in current rows.
    """

    verdict: Verdict
    psi: float
    psi_limit: float
    distance: float
    distance_limit: float | None
    missing: tuple[float, float]
    outside: tuple[float, float]


class Part(msgspec.Struct, frozen=True):
    """A cell in words, with its share of rows in the reference and now."""

    label: str
    before: float
    now: float


def cells(columns: Mapping[str, NDArray[Any]]) -> Cells:
    """The cells that the reference's `columns`, arrays of shape (n,), give.

    The dtype decides: booleans and numbers are numbers, all else is a category under its `str`. None and NaN are
    missing.
    """
    made = {name: _cells(column) for name, column in columns.items()}
    return Cells(made, hashlib.sha256(msgspec.json.encode(made)).hexdigest())


def profile(columns: Mapping[str, NDArray[Any]], cells: Cells) -> Profile:
    """Count `columns`, arrays of shape (n,), over `cells`; columns without cells are left out.

    Raises ValueError for cells without a column, and for columns of different lengths.
    """
    if absent := cells.columns.keys() - columns.keys():
        raise ValueError(f"columns of the reference are absent: {', '.join(sorted(absent))}")
    lengths = {len(columns[name]) for name in cells.columns}
    if len(lengths) > 1:
        raise ValueError(f"columns have different lengths: {sorted(lengths)}")
    counts = {name: _count(columns[name], cell) for name, cell in cells.columns.items()}
    return Profile(cells.id, max(lengths, default=0), counts)


def merge(profiles: Sequence[Profile]) -> Profile:
    """The profile of all rows of `profiles`: the same in any order and grouping.

    Raises ValueError for none, and for profiles over different cells.
    """
    if len({p.cells for p in profiles}) != 1:
        raise ValueError(f"only profiles over the same cells add up, got {len(profiles)} of different ones")
    counts = {name: np.array([p.counts[name] for p in profiles]).sum(axis=0) for name in profiles[0].counts}
    return Profile(
        profiles[0].cells, sum(p.rows for p in profiles), {name: tuple(n.tolist()) for name, n in counts.items()}
    )


def compare(
    cells: Cells, reference: Profile, current: Profile, chunks: Sequence[Profile] = (), alpha: float = 0.05
) -> dict[str, Finding]:
    """The finding for each column.

    Drift is what is large *and* significant: PSI above max(0.1, (1/n + 1/m) χ²_{B−1, 1−alpha/d}). 0.1 is the size that
    practice calls moderate; the second term bounds the PSI of n against m independent rows without drift (Yurdakul &
    Naranjo 2020, J. Risk Model Validation 14), with B the cells in use and d the columns. Rows are seldom independent.
    So where `chunks` are the reference's consecutive pieces (its days, say), merged until each is as large as
    `current`, the Jensen–Shannon distance must also exceed the mean + 3σ of theirs; fewer than five say nothing.
    Below 500 rows on either side the verdict is insufficient. Where the data has a season, take reference and chunks
    from the same one: `merge` the profiles of those hours. Raises ValueError for profiles over other cells.
    """
    if {cells.id} != {p.cells for p in (reference, current, *chunks)}:
        raise ValueError("only profiles over the given cells can be compared")
    level = alpha / max(len(cells.columns), 1)
    found = {}
    for name, cell in cells.columns.items():
        now = current.counts[name]
        pieces = _pieces([chunk.counts[name] for chunk in chunks], sum(now))
        found[name] = _finding(cell, reference.counts[name], now, pieces, level)
    return found


def parts(cell: Numbers | Categories, reference: Counts, current: Counts, most: int = 3) -> list[Part]:
    """The cells that changed most, by what each adds to the index, largest first; those that add nothing are not."""
    p, q = (np.array(counts) / max(sum(counts), 1) for counts in (reference, current))
    smooth = [(np.array(counts) + 0.5) / (sum(counts) + len(counts) / 2) for counts in (reference, current)]
    adds = (smooth[1] - smooth[0]) * np.log(smooth[1] / smooth[0])
    order = [int(i) for i in np.argsort(-adds, kind="stable")[:most] if p[i] != q[i]]
    names = labels(cell)
    return [Part(names[i], float(p[i]), float(q[i])) for i in order]


def labels(cell: Numbers | Categories) -> list[str]:
    """What each cell holds, in words."""
    if isinstance(cell, Categories):
        return [*cell.top, "other known values", "never seen before", "missing"]
    ends = [*cell.starts[1:], cell.high]
    within = [f"{a:.4g} to {b:.4g}" if a != b else f"{a:.4g}" for a, b in zip(cell.starts, ends, strict=True)]
    return [*within, f"below {cell.starts[0]:.4g}", f"above {cell.high:.4g}", "missing"]


def since(distances: ArrayLike) -> int:
    """The piece, from 0, at which a series of distances from the reference changed level: the cut of least squares.

    `distances`, shape (k,), in time order. One cut (Sen & Srivastava 1975, Ann. Stat. 3); 0 where there are fewer than
    two pieces or the level after the best cut is not higher, that is, where it has been so from the beginning.
    """
    values = np.asarray(distances, dtype=np.float64)
    n = len(values)
    if n < 2:
        return 0
    total, cuts = values.cumsum(), np.arange(1, n)
    before, after = total[:-1] / cuts, (total[-1] - total[:-1]) / (n - cuts)
    gain = cuts * (n - cuts) / n * (after - before) ** 2
    best = int(np.argmax(gain))
    return best + 1 if after[best] > before[best] else 0


def season(days: Sequence[date], first: date, last: date) -> list[int]:
    """Which of the reference's `days` lie in the same season as the window from `first` to `last`, both inclusive.

    The same time of the year, ±15 days, where the reference covers a year of it; and of these, for a window of less
    than a week, the same days of the week. All of them where that leaves none.
    """
    chosen = list(range(len(days)))
    if days and days[-1] - days[0] >= timedelta(days=365):
        middle, half = first + (last - first) / 2, (last - first).days / 2 + 15
        apart = [abs((day - middle).days) % 365.25 for day in days]
        chosen = [i for i in chosen if min(apart[i], 365.25 - apart[i]) <= half] or chosen
    if (last - first).days < 6:
        weekdays = {(first + timedelta(days=i)).weekday() for i in range((last - first).days + 1)}
        chosen = [i for i in chosen if days[i].weekday() in weekdays] or chosen
    return chosen


def place(column: NDArray[Any], cell: Numbers | Categories) -> NDArray[np.intp]:
    """The cell of each row, shape (n,), as an index into the counts of a profile."""
    if isinstance(cell, Numbers):
        values, size = column.astype(np.float64), len(cell.starts)
        found = np.searchsorted(cell.starts, values, side="right") - 1
        found[found < 0] = size
        found[values > cell.high] = size + 1
        found[np.isnan(values)] = size + 2
        return found
    index = {name: i for i, name in enumerate(cell.top)} | dict.fromkeys(cell.others, len(cell.top))
    unseen = len(cell.top) + 1
    rows = [index.get(str(value), unseen) if _present(value) else unseen + 1 for value in column.tolist()]
    return np.array(rows, dtype=np.intp)


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


def _finding(
    cell: Numbers | Categories, before: Counts, now: Counts, pieces: Sequence[Counts], level: float
) -> Finding:
    used = [(b, n) for b, n in zip(before, now, strict=True) if b or n]
    past, present = [b for b, _ in used], [n for _, n in used]
    rows = sum(past), sum(present)
    noise = sum(1 / max(n, 1) for n in rows) * chisquare.quantile(1 - level, max(len(used) - 1, 1))
    own = np.array([distance(before, piece) for piece in pieces])
    index, index_limit = psi(past, present), max(0.1, noise)
    gap, gap_limit = distance(past, present), float(own.mean() + 3 * own.std(ddof=1)) if len(own) >= 5 else None
    drifted = index > index_limit and (gap_limit is None or gap > gap_limit)
    beyond = slice(-3, -1) if isinstance(cell, Numbers) else slice(-2, -1)
    return Finding(
        verdict="insufficient" if min(rows) < MINIMUM else "drift" if drifted else "stable",
        psi=index,
        psi_limit=index_limit,
        distance=gap,
        distance_limit=gap_limit,
        missing=(before[-1] / max(rows[0], 1), now[-1] / max(rows[1], 1)),
        outside=(sum(before[beyond]) / max(rows[0], 1), sum(now[beyond]) / max(rows[1], 1)),
    )


def _pieces(chunks: Sequence[Counts], rows: int) -> list[Counts]:
    """Consecutive chunks, added up until each piece is as large as `rows`."""
    pieces: list[Counts] = []
    size, total = 0, np.zeros(len(chunks[0]) if chunks else 0, dtype=np.int64)
    for chunk in chunks:
        total = total + chunk
        size += sum(chunk)
        if size >= max(rows, 1):
            pieces.append(tuple(total.tolist()))
            size, total = 0, np.zeros_like(total)
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


def _count(column: NDArray[Any], cell: Numbers | Categories) -> Counts:
    if isinstance(cell, Categories):
        counts = _categories(column)
        top, others = ([counts.pop(name, 0) for name in names] for names in (cell.top, cell.others))
        unseen = sum(counts.values())
        return (*top, sum(others), unseen, len(column) - sum(top) - sum(others) - unseen)
    return tuple(np.bincount(place(column, cell), minlength=len(cell.starts) + 3).tolist())


def _categories(column: NDArray[Any]) -> Counter[str]:
    counts = Counter[str]()
    for value, count in Counter(column.tolist()).items():
        if _present(value):
            counts[str(value)] += count
    return counts


def _present(value: object) -> bool:
    """None is missing; so are NaN, NaT and pandas' NA, which are not equal to themselves."""
    return value is not None and (value == value) is True
