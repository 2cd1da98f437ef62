"""`kill_the_compactor.py FOLDER`: kill it after its 1st, 2nd, … call, let another one finish, count every row.

Each compactor is a fork of this process, which itself never touches a table: delta-rs does not survive a fork.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import numpy as np
import pyarrow.dataset  # noqa: F401  # once here, not in every fork

from gradino.operate.serving import compact
from gradino.operate.serving.wal import Feedback, Label, Predictions, Schema, Segment, frame
from gradino.operate.store import Store
from tests.operate.forked import forked

OURS = ("compactor.py", "wal.py", "tables.py")
EVERY = 5


def prepare(root: Path) -> list[Segment]:
    """Three segments, the last still open, the first with a torn tail."""
    encoder = msgspec.msgpack.Encoder()
    folder = Store(root).folder("wal", "production")
    made = []
    for n in range(3):
        segment = Segment(folder, durable=False)
        segment.write(frame(encoder, Schema("regression", (("t", "number"),))))
        for i in range(4):
            ids, times = [f"{n}-{i}-{k}" for k in range(3)], np.full(3, i, "<i8").tobytes()
            values, numbers = np.full(3, 1.0).tobytes(), np.full(3, 2.0).tobytes()
            segment.write(frame(encoder, Predictions(0, 1, 1, "champion", 0, ids, times, values, numbers)))
            segment.write(frame(encoder, Feedback(0, [Label(f"{n}-{i}-0", 1.0, i)])))
        made.append(segment)
    made[0].write(frame(encoder, Feedback(0, [Label("torn", 1.0, 0)]))[:-3])
    made[0].close()
    made[1].close()
    return made


def die_after(calls: int) -> None:
    left = calls

    def count(frame_: FrameType, event: str, _argument: Any) -> None:
        nonlocal left
        if event in ("call", "return") and frame_.f_code.co_filename.endswith(OURS):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def check(root: Path) -> None:
    store = Store(root)
    compact(store, "production")
    for name, expected in (
        ("predictions", [f"{n}-{i}-{k}" for n in range(3) for i in range(4) for k in range(3)]),
        ("feedback", [f"{n}-{i}-0" for n in range(3) for i in range(4)]),
    ):
        table = store.tables.read(name)
        assert table is not None
        assert sorted(table["prediction_id"].to_pylist()) == sorted(expected), name
    left = list(store.folder("wal", "production").glob("*.wal"))
    assert len(left) == 1, left


def main(folder: Path) -> int:
    points = 0
    while True:
        root = folder / str(points)
        held = prepare(root)

        def crash(root: Path = root, calls: int = points * EVERY + 1) -> None:
            die_after(calls)
            compact(Store(root), "production")

        ended = forked(crash)
        assert forked(lambda root=root: check(root)) == 0, points
        held[2].close()
        if ended != -signal.SIGKILL:
            return points
        points += 1


print(main(Path(sys.argv[1])))
