"""What a model needs of a row: read from the table, the estimator and the contract, so that nobody writes it down."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from gradino.errors import ProjectError
from gradino.operate.project import Project
from gradino.operate.registry.schema import Description, Field, Observed, Type

_FEW = 50  # categories worth listing
_LOW = ("greater_than_or_equal_to", "in_range")
_HIGH = ("less_than_or_equal_to", "in_range")


def describe(project: Project, estimator: Any, schema: pa.Schema, past: pd.DataFrame, code: Path) -> Description:
    """Describe a fitted estimator. With a scoring function the inputs are all columns but the target; without one,
    those it was fitted on (`feature_names_in_`) and the event time.

    Raises:
        ProjectError: it was fitted on something without column names, or on a column the table does not have.
    """
    identity, score = project.project, project.scoring.score
    features = None if score else _features(project, estimator, schema)
    names = schema.names if features is None else [identity.time, *(f for f in features if f != identity.time)]
    contract = project.data.schema_.load(code).to_schema().columns if project.data.schema_ else {}
    return Description(
        project.name,
        identity.task,
        identity.target,
        identity.time,
        str(score) if score else None,
        features,
        [_field(schema.field(n), past[n], contract.get(n)) for n in names if n != identity.target],
    )


def _features(project: Project, estimator: Any, schema: pa.Schema) -> list[str]:
    train = project.training.train
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        raise ProjectError(
            f"{train} returned a {type(estimator).__name__} that does not say which columns it reads",
            "fit it on a DataFrame, or give a function (model, frame) as `score` in [scoring] of gradino.toml",
        )
    unknown = [str(name) for name in names if name not in schema.names]
    if unknown:
        raise ProjectError(
            f"{train} fits on `{unknown[0]}`, which is no column of the table: {', '.join(schema.names)}",
            "derive it inside the model (a scikit-learn Pipeline), in the source, or in a `score` function",
        )
    if project.project.target in names:
        raise ProjectError(
            f"{train} fits on the target `{project.project.target}`", "drop it from the columns the model reads"
        )
    return [str(name) for name in names]


def _field(column: pa.Field, values: "pd.Series[Any]", contract: Any) -> Field:
    kind = _type(column)
    checks = {check.name: check.statistics for check in contract.checks} if contract else {}
    isin = checks.get("isin", {}).get("allowed_values")
    return Field(
        column.name,
        kind,
        nullable=bool(contract.nullable if contract else values.isna().any()),
        minimum=next((float(checks[c]["min_value"]) for c in _LOW if c in checks), None),
        maximum=next((float(checks[c]["max_value"]) for c in _HIGH if c in checks), None),
        categories=sorted(isin) if isin and kind == "string" else None,
        observed=_observed(kind, values.dropna()),
    )


def _type(column: pa.Field) -> Type:
    for test, name in _TYPES:
        if test(column.type):
            return name
    raise ProjectError(
        f"column `{column.name}` is {column.type}, which no request can carry",
        "turn it into numbers, text, booleans or times in the source",
    )


_TYPES: list[tuple[Any, Type]] = [
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_decimal, "number"),
    (pa.types.is_string, "string"),
    (pa.types.is_temporal, "timestamp"),
]


def _observed(kind: Type, values: "pd.Series[Any]") -> Observed:
    if kind in ("number", "integer") and len(values):
        return Observed(minimum=float(values.min()), maximum=float(values.max()))
    if kind == "string" and values.nunique() <= _FEW:
        return Observed(categories=sorted(values.unique()))
    return Observed()
