"""`gradino train`: make a model version now."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Folder, Json


def train(
    project: Folder = Path(),
    reason: Annotated[str, typer.Option(help="Why; it stays with the run.")] = "asked for by hand",
    as_json: Json = False,
) -> None:
    """Collect what is new, train, register the version. A running operator takes it through gates and experiment."""
    import json

    from rich.console import Console

    from gradino.errors import ServiceError, TrainingError
    from gradino.operate import data, training
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.store.lock import sole
    from gradino.operate.store.state import runs

    checked = load(project)
    store = Store.of(checked.root)
    run = training.request(store, checked, reason, store.clock())
    console = Console(stderr=True, highlight=False)
    with console.status(f"run {run}: its log is .gradino/runs/{run}/log.txt"):
        try:
            with sole(store.root / "operator.lock", ""):
                data.collect(checked, store)
                training.execute(checked, store, run)
        except ServiceError:  # an operator is up: it does the work
            while store.state.count(runs, runs.c.id == run, runs.c.status.in_(("queued", "running"))):
                time.sleep(0.2)
    done = store.state.last(runs, runs.c.id == run)
    assert done is not None
    if done.status != "finished":
        raise TrainingError(f"run {run} failed: {done.error}", f"its log is {store.root}/runs/{run}/log.txt")
    if as_json:
        print(json.dumps({"run": run, "version": done.version, "metrics": done.metrics}))
    else:
        Console(highlight=False).print(f"[bold]v{done.version}[/] from run {run}: {_shown(done.metrics)}")


def _shown(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, float))
