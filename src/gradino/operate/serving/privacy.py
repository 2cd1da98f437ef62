"""What the log keeps of a row: dropped features never reach the disk, hashed ones only as a keyed hash.

The model still sees every value. The hash is keyed (BLAKE2b, RFC 7693), so that nobody without the key can try all
postcodes; with the key equal values stay equal, which is enough to count, to join and to find one person's rows. A
hashed feature has a column of its own, `x_NAME_hash`: whoever looks for the values finds that there are none.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.columns import Columns, Layout


@dataclass(frozen=True)
class Privacy:
    """`[serving]` of a project: names of features, and the key."""

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    key: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.drop or self.hash)

    def unknown(self, inputs: Iterable[str]) -> list[str]:
        """Names that no input has: perhaps mistyped, and then what they should protect is not."""
        return sorted({*self.drop, *self.hash} - set(inputs))

    def keeper(self, layout: Layout) -> "Keeper":
        """Of the inputs of a layout, those that the log may have."""
        kept = [(i, name in self.hash) for i, (name, _) in enumerate(layout.inputs) if name not in self.drop]
        fields = [(f"{layout.names[i]}_hash", "string") if hashed else layout.inputs[i] for i, hashed in kept]
        return Keeper(kept, Layout(fields, len(fields)), self.key)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Keeper:
    """`kept`: places in the columns that come in, and whether each is hashed; `layout` is that of what comes out."""

    kept: Sequence[tuple[int, bool]]
    layout: Layout
    key: bytes

    def __call__(self, columns: Columns) -> Columns:
        arrays = [self._hashed(columns.column(i)) if hashed else columns.column(i) for i, hashed in self.kept]
        return Columns.of_arrays(self.layout, arrays, len(columns))

    def _hashed(self, values: NDArray[Any]) -> NDArray[Any]:
        digest = _digest(self.key)
        found = [None if value is None or value != value else digest(value) for value in values.tolist()]
        return np.array(found, dtype=object)


def _digest(key: bytes) -> Callable[[object], str]:
    keyed = hashlib.blake2b(key=key, digest_size=16)

    def digest(value: object) -> str:
        one = keyed.copy()
        one.update(str(value).encode())
        return one.hexdigest()

    return digest
