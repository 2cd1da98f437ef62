"""`gradino train`: make a model version now."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradino.cli.common import Folder, Json

if TYPE_CHECKING:
    from gradino.operate.project import Project
    from gradino.operate.store import Store


def train(
    project: Folder = Path(),
    reason: Annotated[str, typer.Option(help="Why; it stays with the run.")] = "asked for by hand",
    as_json: Json = False,
) -> None:
    """Collect what is new, train, register the version; the log is shown as it is written. Ctrl-C cancels the run.

    A running operator does the work and takes the version through gates and experiment.
    """
    import json

    from rich.console import Console

    from gradino.errors import TrainingError
    from gradino.operate import training
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.store.state import runs
    from gradino.operate.training.runs import ACTIVE

    checked = load(project)
    store = Store.of(checked.root)
    run = training.request(store, checked, reason, store.clock())
    console = Console(stderr=True, highlight=False)
    console.print(f"run {run}; `gradino runs {run} --cancel` or Ctrl-C ends it")
    try:
        _work(checked, store, run)
    except KeyboardInterrupt:
        if store.state.count(runs, runs.c.id == run, runs.c.status.in_(ACTIVE)):
            training.cancel(store, run)
        console.print("cancelled")
        raise
    done = store.state.last(runs, runs.c.id == run)
    assert done is not None
    if done.status != "finished":
        raise TrainingError(
            f"run {run} ended {done.status}: {done.error}", f"its log is {store.root}/runs/{run}/log.txt"
        )
    if as_json:
        print(json.dumps({"run": run, "version": done.version, "metrics": done.metrics, "slices": done.slices}))
    else:
        Console(highlight=False).print(f"[bold]v{done.version}[/] from run {run}: {_shown(done.metrics)}")


def _work(checked: "Project", store: "Store", run: str) -> None:
    """Do it here, or watch the operator doing it; either way the log goes to stderr."""
    from threading import Thread

    from gradino.errors import ServiceError
    from gradino.operate import data, training
    from gradino.operate.store.lock import sole

    def show() -> None:
        for line in training.follow(store, run):
            typer.echo(f"  {line}", err=True)

    try:
        with sole(store.root / "operator.lock", ""):
            typer.echo(f"  asking {checked.data.source} for what is new", err=True)
            data.collect(checked, store)
            shown = Thread(target=show, daemon=True)
            shown.start()
            training.execute(checked, store, run)
            shown.join()
    except ServiceError:  # an operator is up
        show()


def _shown(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, float))
