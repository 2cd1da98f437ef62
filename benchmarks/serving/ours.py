"""One worker of the scoring server as it is, except for what a figure is to leave out.

    ours.py ROOT ENVIRONMENT PORT durable|buffered|unlogged compiled|python

`unlogged` forgets what it is to log, which only a benchmark may; `python` compiles no model.
"""

import os
import sys
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

from gradino.operate.project import load as load_project  # noqa: E402
from gradino.operate.registry import load, public_key  # noqa: E402
from gradino.operate.serving import worker  # noqa: E402
from gradino.operate.serving.board import Board  # noqa: E402
from gradino.operate.serving.commit import Entry  # noqa: E402
from gradino.operate.serving.listening import listen  # noqa: E402
from gradino.operate.store import Store  # noqa: E402


class Forgetful:
    """A prediction log that writes nothing."""

    waiting = commits = errors = 0

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def put(self, entry: Entry) -> None:
        if entry.done:
            entry.done(None)

    def close(self) -> None: ...


def main(root: Path, environment: str, port: int, log: str, evaluator: str) -> None:
    if log == "unlogged":
        worker.PredictionLog = Forgetful  # type: ignore[assignment, misc]
    store = Store.of(root)
    read = None if evaluator == "compiled" else lambda digest: load(store.at_hand(f"bundles/{digest}"), digest, key)
    key = public_key(store)
    listener = listen(port, "127.0.0.1")
    ack = "durable" if log == "durable" else "buffered"
    worker.run(load_project(root), environment, listener, ack, Board(1), 0, read)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
