"""The experiment on live traffic: champion and challenger score the same requests, and every label is a comparison.

`fold` takes in new outcomes and returns the running evidence; the verdict is that of `inference.eprocess.Paired`, to
which looking at it continuously is allowed. Challengers share the error budget: the j-th gets 6α/(π²j²).
"""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gradino.inference import eprocess
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import releases

_POINTS = 400


def begin(project: Project, store: Store) -> dict[str, Any]:
    """The evidence before the first label."""
    tried = store.state.count(releases, releases.c.champion.is_not(None))
    settings = project.release
    paired = eprocess.Paired(alpha=eprocess.budget(settings.alpha, tried + 1), worse_by=settings.worse_by)
    return _view(paired, [])


def fold(experiment: dict[str, Any], outcomes: pa.Table, champion: int, challenger: int) -> dict[str, Any]:
    """The evidence after `outcomes`: the rows of requests that both models scored, in the order of their labels."""
    pairs = _pairs(outcomes, champion, challenger)
    paired = msgspec.convert(experiment["state"], eprocess.Paired).update(pairs)
    history = experiment["history"]
    if len(pairs):
        history = [*history, [paired.n, paired.evidence, paired.against, paired.mean]]
    return _view(paired, history[::2] if len(history) > _POINTS else history)


def _pairs(outcomes: pa.Table, champion: int, challenger: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """loss(champion) − loss(challenger) of each request that both scored."""
    columns = ["prediction_id", "label_time", "event_time", "loss"]
    theirs = outcomes.filter(pc.equal(outcomes["version"], champion)).select(columns)
    ours = outcomes.filter(pc.equal(outcomes["version"], challenger)).select(["prediction_id", "loss"])
    both = theirs.join(ours, "prediction_id", right_suffix="_challenger", join_type="inner")
    both = both.sort_by([(key, "ascending") for key in ("label_time", "event_time", "prediction_id")])
    difference: np.ndarray[Any, np.dtype[np.float64]] = pc.subtract(both["loss"], both["loss_challenger"]).to_numpy()
    return difference


def _view(paired: eprocess.Paired, history: list[Any]) -> dict[str, Any]:
    """What the row of the release keeps: the state, and what a reader wants to see of it."""
    return {
        "state": msgspec.to_builtins(paired),
        "n": paired.n,
        "evidence": paired.evidence,
        "against": paired.against,
        "mean": paired.mean if paired.n else None,
        "alpha": paired.alpha,
        "threshold": 1 / paired.alpha,
        "verdict": paired.verdict,
        "history": history,
    }
