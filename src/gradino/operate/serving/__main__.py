"""`python -m gradino.operate.serving --project ROOT --environment production --port N [--workers N] [--ack …]`."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gradino.errors import GradinoError

if TYPE_CHECKING:
    from gradino.operate.project import Project


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gradino.operate.serving", description="The scoring server.")
    parser.add_argument("--project", type=Path, required=True, help="the folder with gradino.toml")
    parser.add_argument("--environment", default="production", help="whose deployments to follow")
    parser.add_argument("--port", type=int, required=True, help="of the `host` in [serving]")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--ack", choices=("durable", "buffered"), default="durable", help="when to answer: after fsync")
    given = parser.parse_args()
    try:
        _serve(given)
    except GradinoError as error:
        print(f"gradino: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _serve(given: argparse.Namespace) -> None:
    from gradino.errors import ServiceError
    from gradino.operate.project import load
    from gradino.operate.serving.board import Board

    project = load(given.project)
    if given.workers < 1:
        raise ServiceError(f"{given.workers} workers cannot serve", "give --workers 1 or more")
    from gradino.operate.serving.listening import check_certificate, listen
    from gradino.operate.serving.worker import run

    check_certificate(project.serving)
    _check_tokens(project)
    listener = listen(given.port, project.serving.host)
    _import_once()
    from gradino.operate.serving.supervisor import supervise

    board = Board(given.workers)
    supervise(given.workers, lambda index: run(project, given.environment, listener, given.ack, board, index))


def _check_tokens(project: "Project") -> None:
    """Nobody can ask a server beyond this machine before there is a token."""
    from gradino.errors import ServiceError
    from gradino.operate.store import Store
    from gradino.operate.store.tokens import valid

    if project.serving.local:
        return
    state = Store.of(project.root).state
    found = valid(state)
    state.close()  # before the workers are forked
    if not found:
        raise ServiceError(
            f"the scoring server is to listen on {project.serving.host}, and nobody has a token",
            "make one with `gradino token add NAME --role scorer`, or take `host` out of [serving]",
        )
    if not project.serving.certificate:
        print(
            "gradino: tokens and rows travel unencrypted: give `certificate` and `key` in [serving], "
            "or let a proxy in front end the encryption",
            file=sys.stderr,
        )


def _import_once() -> None:
    """The libraries of the models, before the workers are forked: a worker then starts in milliseconds."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # one process a core has no use for a pool of threads
    import pandas
    import sklearn.ensemble
    import sklearn.pipeline

    from gradino.operate.registry import load
    from gradino.operate.serving import evaluators

    evaluators.prepare()
    del load, pandas, sklearn


if __name__ == "__main__":
    sys.exit(main())
