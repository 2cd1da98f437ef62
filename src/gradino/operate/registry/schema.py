"""What a bundle says about its model, as JSON: its inputs, and how it did on the holdout."""

from datetime import date, datetime
from typing import Literal

import msgspec

from gradino.inference import drift, estimate

Type = Literal["number", "integer", "string", "boolean", "timestamp"]


class Observed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What training saw of an input: for information and for drift, never a reason to refuse a row."""

    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None  # when there were few


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input. `minimum`, `maximum` (both inclusive) and `categories` are the contract's: rows beyond are refused."""

    name: str
    type: Type
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None
    observed: Observed = Observed()


class Description(msgspec.Struct, frozen=True):
    """`schema.json`: what goes into the model and what comes out."""

    project: str
    task: Literal["regression", "classification"]
    target: str
    time: str
    score: str | None  # the project's own scoring function, `module:function`
    features: list[str] | None  # what the estimator itself reads, where `score` does not choose
    inputs: list[Field]


class Reference(msgspec.Struct, frozen=True):
    """`reference.json`: the bounded losses on the holdout, which live losses are compared with.

    The holdout begins at `since`. The losses are those of the model that was tested, which learnt from what is older;
    the released one learnt from all. `scale` is the absolute error that costs 1 (1.0 for classes), `n` the
    rows of the holdout, `mean` the mean of all their losses, `losses` an even sample of at most 5,000 in time order.
    """

    scale: float
    n: int
    mean: float
    losses: list[float]
    since: datetime


class Day(msgspec.Struct, frozen=True, array_like=True):
    """The counts of one day's rows of the reference over the baseline's cells."""

    day: date
    rows: int
    counts: dict[str, drift.Counts]


class Slices(msgspec.Struct, frozen=True):
    """The slices that a column makes: the name of each cell, and the cell of each of the reference's `losses`."""

    cell: drift.Numbers | drift.Categories
    names: list[str]
    of: list[int]


class Baseline(msgspec.Struct, frozen=True):
    """`baseline.json`: what production's rows are compared with.

    Columns are those of the table `predictions`: `x_` and an input's name, and `prediction`. `days` are the newest 800
    days that the run had, inputs of all its rows and predictions on the holdout. For each of the reference's `losses`,
    `hours` is the hour of the week (0 is Monday 0:00 UTC) of its row; `slices` cut by a column each.
    """

    cells: drift.Cells
    days: list[Day]
    estimate: estimate.Additive | None
    hours: list[int]
    slices: dict[str, Slices] = {}

    def profiles(self) -> list[drift.Profile]:
        """One for each of `days`."""
        return [drift.Profile(self.cells.id, day.rows, day.counts) for day in self.days]
