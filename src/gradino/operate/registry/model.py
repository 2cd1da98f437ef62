"""A bundle at work: `load` verifies and restores it, `Model.predict` scores rows with the bundle's own code."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradino.operate.project.reference import Reference
from gradino.operate.registry.bundle import CODE, MODEL, TESTED, describe, verify
from gradino.operate.registry.namespace import Namespace
from gradino.operate.registry.schema import Description, Field

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class Model:
    """One model with its own scoring code. `digest` is the bundle's; threads may share it if the estimator allows.

    `answer` is given the estimator and the rows.
    """

    def __init__(
        self,
        path: Path,
        description: Description,
        digest: str,
        estimator: Any,
        answer: Callable[[Any, "pd.DataFrame"], Any],
    ) -> None:
        self.path, self.description, self.digest, self.estimator = path, description, digest, estimator
        self._answer = answer

    @property
    def inputs(self) -> list[Field]:
        """What a row must have; columns that are no input are allowed and ignored."""
        return self.description.inputs

    @property
    def task(self) -> str:
        return self.description.task

    def predict(self, frame: "pd.DataFrame") -> "NDArray[Any]":
        """One value per row of `frame`, shape (n,): numbers for regression, class labels for classification."""
        return np.asarray(self._answer(self.estimator, frame))

    def with_estimator(self, estimator: Any) -> "Model":
        """The same model with another estimator in the place of its own."""
        return Model(self.path, self.description, self.digest, estimator, self._answer)


def load(path: Path, digest: str, public_key: Path, tested: bool = False) -> Model:
    """Verify the bundle at `path`, then restore its model; or, `tested`, the one that has not seen the holdout.

    Raises:
        IntegrityError: it is not what was signed; nothing in it was deserialised.
    """
    verify(path, digest, public_key)
    return restore(path, digest, tested)


def restore(path: Path, digest: str, tested: bool = False) -> Model:
    """The model of a folder that is known to be ours: verified, or packed by this process."""
    from gradino.operate.data import frames
    from gradino.operate.registry import estimator

    description = describe(path)
    namespace = Namespace(path / CODE, digest)
    fitted = estimator.restore(path, namespace, TESTED if tested else MODEL)
    if description.score is None:
        features = description.features or []

        def predict(estimator: Any, frame: "pd.DataFrame") -> Any:
            chosen = frame if frame.columns.tolist() == features else frame[features]
            return estimator.predict(frames.given(chosen, "pandas"))

        return Model(path, description, digest, fitted, predict)
    score = namespace.load(Reference.parse(description.score))
    library = frames.frame_library(score, parameter=1)
    return Model(path, description, digest, fitted, lambda model, frame: score(model, frames.given(frame, library)))
