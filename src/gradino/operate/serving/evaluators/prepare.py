"""What happens before the last step: scalers, imputers and encoders, by the same operations in the same order."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.evaluators.form import Block, Matrix, NotCompiled, Outside, matrix

Step = Callable[[Block], Block]


def step_of(transformer: Any) -> Step:
    """The compiled form of a fitted transformer; raises NotCompiled."""
    if transformer == "passthrough":
        return lambda block: block
    kind = type(transformer).__name__
    if kind not in _STEPS:
        raise NotCompiled(f"there is no compiled form of {kind}")
    return _STEPS[kind](transformer)


def _pipeline(transformer: Any) -> Step:
    steps = [step_of(step) for _, step in transformer.steps if step is not None]

    def run(block: Block) -> Block:
        for step in steps:
            block = step(block)
        return block

    return run


def _by_column(transformer: Any) -> Step:
    """A ColumnTransformer: the outputs of its parts, one after another."""
    parts = []
    for name, part, _ in transformer.transformers_:
        places = [int(i) for i in np.atleast_1d(transformer._transformer_to_input_indices[name])]
        if part != "drop" and places:
            parts.append((places, step_of(part)))

    def run(block: Block) -> Block:
        chosen = (block[places] if isinstance(block, np.ndarray) else [block[i] for i in places] for places, _ in parts)
        return np.concatenate([matrix(step(rows)) for rows, (_, step) in zip(chosen, parts, strict=True)])

    return run


def _standard(t: Any) -> Step:
    return _affine(("-", t.mean_ if t.with_mean else None), ("/", t.scale_ if t.with_std else None))


def _robust(t: Any) -> Step:
    return _affine(("-", t.center_ if t.with_centering else None), ("/", t.scale_ if t.with_scaling else None))


def _max_abs(t: Any) -> Step:
    if getattr(t, "clip", False):
        raise NotCompiled("MaxAbsScaler clips")
    return _affine(("/", t.scale_))


def _min_max(t: Any) -> Step:
    if t.clip:
        raise NotCompiled("MinMaxScaler clips")
    return _affine(("*", t.scale_), ("+", t.min_))


def _affine(*operations: tuple[str, NDArray[Any] | None]) -> Step:
    functions = {"-": np.subtract, "+": np.add, "*": np.multiply, "/": np.divide}
    todo = [(functions[sign], by[:, None].astype(np.float64)) for sign, by in operations if by is not None]

    def run(block: Block) -> Block:
        x = matrix(block)
        for function, by in todo:
            x = function(x, by)
        return x

    return run


def _imputer(t: Any) -> Step:
    if t.add_indicator or (t.missing_values is not np.nan and t.missing_values == t.missing_values):
        raise NotCompiled("SimpleImputer marks what it fills in, or fills in something else than NaN")
    fill = t.statistics_
    if any(value != value for value in fill):
        raise NotCompiled("SimpleImputer drops a column")
    numeric = all(isinstance(value, float | int | np.number) for value in fill)

    def run(block: Block) -> Block:
        if numeric:
            x = matrix(block)
            return np.where(np.isnan(x), fill[:, None].astype(np.float64), x)
        return [
            np.array([by if value is None or value != value else value for value in values], dtype=object)
            for values, by in zip(block, fill, strict=True)
        ]

    return run


def _codes(categories: Sequence[NDArray[Any]]) -> Callable[[Block], list[list[int]]]:
    """Where each value stands among the categories of its feature, −1: nowhere."""
    lookups = [{v: i for i, v in enumerate(known.tolist()) if v is not None and v == v} for known in categories]
    missing = [next((i for i, v in enumerate(known.tolist()) if v is None or v != v), -1) for known in categories]

    def run(block: Block) -> list[list[int]]:
        return [
            [gap if value is None or value != value else lookup.get(value, -1) for value in values.tolist()]
            for values, lookup, gap in zip(block, lookups, missing, strict=True)
        ]

    return run


def _one_hot(t: Any) -> Step:
    if t.min_frequency is not None or t.max_categories is not None:
        raise NotCompiled("OneHotEncoder gathers rare categories")
    if t.handle_unknown not in ("ignore", "error"):
        raise NotCompiled(f"OneHotEncoder(handle_unknown={t.handle_unknown!r})")
    codes = _codes(t.categories_)
    dropped = t.drop_idx_ if t.drop_idx_ is not None else [None] * len(t.categories_)
    places: list[NDArray[np.intp]] = []  # of each feature's categories, and of an unknown one, in the output; −1: none
    width = 0
    for known, drop in zip(t.categories_, dropped, strict=True):
        kept = [i for i in range(len(known)) if i != drop]
        place = np.full(len(known) + 1, -1)
        place[kept] = range(width, width + len(kept))
        width += len(kept)
        places.append(place)

    def run(block: Block) -> Matrix:
        found = codes(block)
        out = np.zeros((width, len(found[0])))
        for coded, place in zip(found, places, strict=True):
            if t.handle_unknown == "error" and -1 in coded:
                raise Outside("a category was never seen")
            for row, column in enumerate(place[coded]):
                if column >= 0:
                    out[column, row] = 1.0
        return out

    return run


def _ordinal(t: Any) -> Step:
    if t.min_frequency is not None or t.max_categories is not None:
        raise NotCompiled("OrdinalEncoder gathers rare categories")
    codes = _codes(t.categories_)
    unknown = np.nan if t.unknown_value is None else float(t.unknown_value)
    values = []
    for known in t.categories_:
        value = np.arange(len(known) + 1, dtype=np.float64)
        value[-1] = unknown
        if len(known) and (known[-1] is None or known[-1] != known[-1]):
            value[-2] = t.encoded_missing_value
        values.append(value)

    def run(block: Block) -> Matrix:
        found = codes(block)
        if t.handle_unknown == "error" and any(-1 in coded for coded in found):
            raise Outside("a category was never seen")
        return np.array([value[coded] for value, coded in zip(values, found, strict=True)])

    return run


def _function(t: Any) -> Step:
    if t.func is not None:
        raise NotCompiled("a function of the project prepares its features")
    return lambda block: block


_STEPS: dict[str, Callable[[Any], Step]] = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _by_column,
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "SimpleImputer": _imputer,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "FunctionTransformer": _function,
}
