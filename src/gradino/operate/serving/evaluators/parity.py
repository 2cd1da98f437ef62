"""Does a compiled form answer as Python does? On the holdout, and on rows made to find out where it does not.

A finite row on which they differ ends it: then Python answers. Missing, infinite and unseen values may differ, or be
refused by Python: then such rows are left to Python, and nobody notices. Trees must agree in every bit. A linear model
need only agree as far as it agrees with itself: a matrix product adds in another order for another number of rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.evaluators.compiled import Compiled, block_of
from gradino.operate.serving.evaluators.form import Block, Matrix, NotCompiled, Outside

if TYPE_CHECKING:
    import pandas as pd

_MOST = 20_000  # rows of one group
_FINITE = (0.0, -0.0, 1.0, -1.0, 1e-310, 0.1, 2.0**24 + 1, 2.0**53 + 2, -(2.0**63), 1e18, 3e38, 3.5e38, 1e300)
_WHOLE = (2**53 + 1, -(2**62), 0, 10**9)
_CLAIMS = ("missing", "infinite")  # flags of a compiled form
_UNSEEN = "\N{REPLACEMENT CHARACTER} never seen"


@dataclass(frozen=True)
class Parity:
    """What was compared: rows by kind, and which kinds are left to Python."""

    rows: dict[str, int] = field(default_factory=dict)
    python: list[str] = field(default_factory=list)


def examine(estimator: Any, compiled: Compiled, holdout: "pd.DataFrame") -> tuple[Compiled, Parity]:
    """Compare on the features of the holdout and on adversarial rows; returns what the compiled form may claim.

    Raises:
        NotCompiled: it differs on a finite row.
    """
    if not len(holdout):
        raise NotCompiled("there is no holdout to compare on")
    holdout = holdout.iloc[:_MOST]
    parity = Parity()
    for kind, frame in _frames(holdout):
        parity.rows[kind] = len(frame)
        may_fail = kind in _CLAIMS
        claims = replace(
            compiled, missing=compiled.missing or kind == "missing", infinite=compiled.infinite or kind == "infinite"
        )
        different = _different(estimator.predict, claims.predict, claims, frame)
        if different is None:
            compiled = claims
        elif may_fail:
            parity.python.append(kind)
        else:
            raise NotCompiled(f"it differs from Python on a row ({kind}): {different}")
    block = block_of(holdout, compiled.features)
    if not any(_claims(compiled.predict, _rows(block, [i])) for i in range(len(holdout))):
        raise NotCompiled("the compiled form claims no row of the holdout")
    parity.rows["thresholds"] = _at_thresholds(estimator, compiled, holdout.head(200))
    _one_by_one(compiled, holdout.head(50))
    if compiled.form.probabilities and hasattr(estimator, "predict_proba"):
        claims = replace(compiled, probabilities=True)
        if _different(estimator.predict_proba, claims.predict_proba, claims, holdout) is None:
            compiled = claims
        else:
            parity.python.append("probabilities")
    return compiled, parity


def _frames(holdout: "pd.DataFrame") -> Iterator[tuple[str, "pd.DataFrame"]]:
    """Rows by kind, those first that only decide what is claimed."""
    floats = [name for name in holdout if holdout[name].dtype.kind == "f"]
    integers = [name for name in holdout if holdout[name].dtype.kind in "iu"]
    texts = [name for name in holdout if holdout[name].dtype.kind == "O"]
    base = holdout.iloc[np.linspace(0, len(holdout) - 1, min(len(holdout), 20)).astype(int)]
    for kind, changes in (
        ("missing", [(name, None if name in texts else np.nan) for name in [*floats, *texts]]),
        ("infinite", [(name, sign * np.inf) for name in floats for sign in (1, -1)]),
        ("unseen", [(name, _UNSEEN) for name in texts]),
        ("finite", [(n, v) for n in floats for v in _FINITE] + [(n, v) for n in integers for v in _WHOLE]),
    ):
        if changes:
            yield kind, _changed(base, changes)
    yield "holdout", holdout


def _changed(base: "pd.DataFrame", changes: list[tuple[Any, Any]]) -> "pd.DataFrame":
    """All rows of the base with each change."""
    import pandas as pd

    return pd.concat([base.assign(**{name: value}).astype(base.dtypes) for name, value in changes], ignore_index=True)


def _different(
    python: Callable[["pd.DataFrame"], Any],
    fast: Callable[[Block], NDArray[Any]],
    compiled: Compiled,
    frame: "pd.DataFrame",
) -> str | None:
    """The first difference, in words, among the rows that the compiled form claims."""
    block = block_of(frame, compiled.features)
    claimed = [i for i in range(len(frame)) if _claims(fast, _rows(block, [i]))]
    if not claimed:
        return None
    block, frame = _rows(block, claimed), frame.iloc[claimed]
    answer = fast(block)
    try:
        expected = np.asarray(python(frame))
    except Exception as error:  # noqa: BLE001  # whatever it is: the compiled form did not raise it
        return f"Python refuses it ({error})"
    if expected.shape != answer.shape or expected.dtype != answer.dtype:
        return f"{expected.shape} {expected.dtype} became {answer.shape} {answer.dtype}"
    same = _same(expected, answer, compiled, lambda: compiled.prepared(block))
    if same.all():
        return None
    i = int(np.argmin(same.reshape(len(expected), -1).all(axis=1)))
    return f"{expected[i]} became {answer[i]}"


def _rows(block: Block, rows: list[int]) -> Block:
    return np.ascontiguousarray(block[:, rows]) if isinstance(block, np.ndarray) else [array[rows] for array in block]


def _claims(fast: Callable[[Block], NDArray[Any]], row: Block) -> bool:
    try:
        fast(row)
    except Outside:
        return False
    return True


def _same(
    expected: NDArray[Any], answer: NDArray[Any], compiled: Compiled, prepared: Callable[[], Matrix]
) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = np.asarray(expected == answer)
    if expected.dtype.kind == "f":
        same = same | (np.isnan(expected) & np.isnan(answer))
    form = compiled.form
    if same.all() or form.bound is None or expected.ndim > 1:
        return same
    x = prepared()
    if form.margin is not None:
        same |= form.margin(x) <= 2 * form.bound(x)
    else:
        same |= np.abs(expected - answer) <= form.bound(x)
    return same


def _at_thresholds(estimator: Any, compiled: Compiled, holdout: "pd.DataFrame") -> int:
    """Rows in which one feature of the last step stands at, just above or just below a value where a tree branches."""
    import pandas as pd

    if compiled.form.thresholds is None:
        return 0
    feature, value = compiled.form.thresholds
    precision = compiled.form.precision
    block = block_of(holdout, compiled.features)
    claimed = [i for i in range(len(holdout)) if _claims(compiled.predict, _rows(block, [i]))]
    if not len(value) or not claimed:
        return 0
    chosen = np.linspace(0, len(value) - 1, min(len(value), _MOST // 3)).astype(int)
    value = value[chosen].astype(precision)
    with np.errstate(over="ignore"):
        near = np.stack([np.nextafter(value, precision(-np.inf)), value, np.nextafter(value, precision(np.inf))])
    feature, near = np.tile(feature[chosen], 3), near.ravel()
    feature, near = feature[np.isfinite(near)], near[np.isfinite(near)]
    x = compiled.prepared(_rows(block, claimed))
    made = x[:, np.resize(np.arange(x.shape[1]), len(near))].astype(np.float64)
    made[feature, np.arange(len(near))] = near
    last = estimator.steps[-1][1] if compiled.steps else estimator
    names = getattr(last, "feature_names_in_", None)
    expected = np.asarray(last.predict(pd.DataFrame(made.T, columns=names) if names is not None else made.T.copy()))
    answer = compiled.form.predict(compiled.claimed(made))
    same = _same(expected, answer, compiled, lambda: compiled.claimed(made))
    if not same.all():
        i = int(np.argmin(same))
        raise NotCompiled(
            f"it differs from Python where a tree branches, at {near[i]}: {expected[i]} became {answer[i]}"
        )
    return len(near)


def _one_by_one(compiled: Compiled, holdout: "pd.DataFrame") -> None:
    """An answer depends on its own row only."""
    block = block_of(holdout, compiled.features)
    claimed = [i for i in range(len(holdout)) if _claims(compiled.predict, _rows(block, [i]))]
    together = compiled.predict(_rows(block, claimed)).tolist() if claimed else []
    alone = [compiled.predict(_rows(block, [i])).tolist()[0] for i in claimed]
    if together != alone and not np.array_equal(together, alone, equal_nan=True):
        raise NotCompiled("it answers a row otherwise when others are asked with it")
