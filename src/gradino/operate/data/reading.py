"""What a source answered: rows, where they are from, and what need not be read again."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Reading:
    """`origin` stays with the batch for good; `seen` is what the next reading gets, of files only."""

    frame: pd.DataFrame
    origin: dict[str, Any]
    seen: dict[str, str] = field(default_factory=dict)
