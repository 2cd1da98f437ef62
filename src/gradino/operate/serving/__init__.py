"""The scoring server: rows come in over HTTP, predictions go out, and every one of them is in the log first.

A request is decoded against the live model's schema (`schema`), waits for the next model call together with whatever
else came meanwhile (`batching`), is written to a write-ahead segment (`commit`, `wal`) and only then answered (`app`,
`service`). What is live follows the newest row of `deployments`. A supervisor runs `python -m gradino.operate.serving`;
the release gates call `serve_embedded` in a job; the operator calls `compact`, which moves finished log records into
the tables `predictions` and `feedback` and imports no model library.
"""

from pathlib import Path
from typing import Literal

from gradino.operate.serving.compactor import Compacted, compact, waits

__all__ = ["Compacted", "compact", "serve_embedded", "waits"]


def serve_embedded(root: Path, environment: str, port: int, ack: Literal["durable", "buffered"] = "durable") -> None:
    """Serve an environment of a project in this process, until SIGTERM or SIGINT.

    For a job whose parent has imported the libraries: it listens within milliseconds.

    Raises:
        ServiceError: the port is taken.
    """
    from gradino.operate.serving import worker

    worker.serve_embedded(root, environment, port, ack)
