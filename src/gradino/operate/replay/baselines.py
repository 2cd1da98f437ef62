"""What needs no model: whoever cannot beat these need not retrain, but begin again."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gradino.operate.replay.history import History


def losses(history: History, known: NDArray[np.intp], start: int) -> dict[str, float]:
    """Mean loss from row `start` on; `known[i]` rows have a label when row i is answered.

    The last value or class: of the row before, as if its label came at once, and of the newest row whose label has
    come. The mean or the commonest class: of all labels that have come.
    """
    label, rows = history.label, np.arange(start, len(history.label))
    came = known[rows]
    if history.task == "regression":
        means = np.cumsum(label) / np.arange(1, len(label) + 1)
        answers = {"last-value": label[rows - 1], "last-value-after-delay": label[came - 1], "mean": means[came - 1]}
        return {name: float(np.abs(answer - label[rows]).mean()) for name, answer in answers.items()}
    codes, classes = pd.factorize(label)
    counts = np.cumsum(codes[:, None] == np.arange(len(classes)), axis=0)
    answers = {
        "last-class": codes[rows - 1],
        "last-class-after-delay": codes[came - 1],
        "majority": counts[came - 1].argmax(axis=1),
    }
    return {name: float((answer != codes[rows]).mean()) for name, answer in answers.items()}
