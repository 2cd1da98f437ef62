"""A fitted estimator on disk: skops where it can, else a pickle – which only our own signature makes loadable."""

import pickle
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import skops.io

from gradino.errors import IntegrityError
from gradino.operate.registry.bundle import MODEL
from gradino.operate.registry.canonical import canonical
from gradino.operate.registry.namespace import Namespace

# Beyond what skops trusts by itself: the insides of scikit-learn's estimators. An artefact adds nothing to it.
_ALLOWED = (
    "sklearn._loss.",
    "sklearn.cluster.",
    "sklearn.ensemble.",
    "sklearn.linear_model.",
    "sklearn.neighbors.",
    "sklearn.neural_network.",
    "sklearn.tree._tree.",
    "numpy.random.",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "scipy.sparse.",
)


def save(estimator: Any, folder: Path, name: str = MODEL) -> None:
    """Write the estimator; skops if it can and if all types in it are allowed."""
    try:
        data = canonical(skops.io.dumps(estimator))
        skops.io.loads(data, trusted=_trusted(data))
    except Exception:  # noqa: BLE001  # skops refuses in many ways; each means the same here
        (folder / f"{name}.pkl").write_bytes(cloudpickle.dumps(estimator))
    else:
        (folder / f"{name}.skops").write_bytes(data)


def restore(folder: Path, namespace: Namespace, name: str = MODEL) -> Any:
    """Read the estimator of a verified bundle; functions of the project are those of `namespace`."""
    skops_file = folder / f"{name}.skops"
    if skops_file.exists():
        data = skops_file.read_bytes()
        return skops.io.loads(data, trusted=_trusted(data))
    with (folder / f"{name}.pkl").open("rb") as file:
        return _Unpickler(file, namespace).load()


def _trusted(data: bytes) -> list[str]:
    types = skops.io.get_untrusted_types(data=data)
    foreign = [name for name in types if not name.startswith(_ALLOWED)]
    if foreign:
        raise IntegrityError(f"the model holds types that are not allowed: {', '.join(foreign)}", "train it again")
    return types  # type: ignore[no-any-return]


class _Unpickler(pickle.Unpickler):
    """Leads names of the project's modules, which a pickle keeps as text, to the bundle's own modules."""

    def __init__(self, file: Any, namespace: Namespace) -> None:
        super().__init__(file)
        self._namespace = namespace

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("cloudpickle.cloudpickle", "subimport"):
            return self._subimport
        if self._namespace.owns(module):
            module = self._namespace.module(module).__name__
        return super().find_class(module, name)

    def _subimport(self, name: str) -> Any:
        if self._namespace.owns(name):
            return self._namespace.module(name)
        return cloudpickle.cloudpickle.subimport(name)
