"""`gradino replay`: what would each retraining policy have done?"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradino.cli.common import Folder, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradino.operate.project import Project
    from gradino.operate.project.config import Release, Retraining
    from gradino.operate.replay import Replayed
    from gradino.operate.replay.history import History
    from gradino.operate.replay.recipe import Recipe


def replay(
    project: Folder = Path(),
    data: Annotated[
        Path | None, typer.Option(help="CSV or Parquet; in a project also none: what it collected.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Without a project: the column of time, or `rows`.")] = None,
    target: Annotated[str | None, typer.Option(help="Without a project: the column to predict.")] = None,
    task: Annotated[
        str | None, typer.Option(help="regression or classification.", show_default="by the target")
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help='never, drift, alarm, cost-aware or "every 30d"; may be repeated.', show_default="all"),
    ] = None,
    delay: Annotated[str, typer.Option(help="From a row until its label is known.")] = "24h",
    cost: Annotated[
        float | None,
        typer.Option(min=0, help="Of one retraining, in units of loss.", show_default="see docs/replay.md"),
    ] = None,
    leave_out: Annotated[list[str] | None, typer.Option(help="A column that the model must not see.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write the comparison as a page: FILE.html.")] = None,
    as_json: Json = False,
) -> None:
    """Replay history by event time and compare retraining policies: error, retrainings, cost.

    With --time and --target any table works, with a model of scikit-learn; else the project's own code is used.
    """
    import json
    import os

    import msgspec

    from gradino.operate.project import load
    from gradino.operate.project.config import Duration, Release, Retraining
    from gradino.operate.replay import POLICIES

    wait: timedelta = _checked(Duration, "--delay", delay)
    policies = list(dict.fromkeys(policy or POLICIES))
    for one in policies:
        _checked(Retraining, "--policy", {"policy": one})
    data, plot = (Path(os.path.abspath(path)) if path else None for path in (data, plot))
    if time or target:
        settings, release, name = Retraining(), Release(), data.stem if data else ""
        history, recipe = _table(data, time, target, task, tuple(leave_out or ()))
    else:
        from gradino.operate.replay.of_project import prepare

        loaded = _project(load, project)
        settings, release, name = loaded.retraining, loaded.release, loaded.name
        history, recipe = prepare(loaded, data)
    if cost is not None:
        settings = settings.model_copy(update={"cost": cost})
    done = _run(history, recipe, policies, wait, settings, release, quiet=as_json)
    if plot:
        from gradino.console import replay as console

        plot.write_text(console.page(name, history, done), encoding="utf-8")
    if as_json:
        print(json.dumps(msgspec.to_builtins(done.comparison)))
    else:
        _print(done, history, plot)


def _checked(kind: Any, option: str, value: object) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from gradino.errors import ProjectError

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        what, _, advice = said.partition("; ")
        raise ProjectError(f"{option}: {what}", advice) from None


def _project(load: "Callable[[Path], Project]", folder: Path) -> "Project":
    from gradino.errors import ProjectError
    from gradino.operate.project.config import FILE

    if not (folder / FILE).exists():
        raise ProjectError(
            f"{folder.resolve()} has no {FILE}",
            "give a project, or any table: gradino replay --data FILE --time COLUMN --target COLUMN",
        )
    return load(folder)


def _table(
    data: Path | None, time: str | None, target: str | None, task: str | None, leave_out: tuple[str, ...]
) -> "tuple[History, Recipe]":
    """Any table, with a default model; what it may see goes into the notes."""
    from gradino.errors import DataError
    from gradino.operate.replay import features, history, recipe

    if not (data and time and target):
        raise DataError("a table needs --data, --time and --target", "give all three, or none inside a project")
    read = history.order(history.read(data), time, target, task, leave_out)
    chosen = features.choose(read)
    read.notes.extend(f"`{column}` is left out: {why}" for column, why in chosen.left_out.items())
    read.notes.append(f"the model, gradient-boosted trees, sees: {', '.join(chosen.used)}")
    return read, recipe.Recipe(read, recipe.default(read, chosen))


def _run(
    history: "History",
    recipe: "Recipe",
    policies: list[str],
    wait: timedelta,
    settings: "Retraining",
    release: "Release",
    quiet: bool,
) -> "Replayed":
    from rich.console import Console
    from rich.progress import Progress

    from gradino.operate import replay as room

    console = Console(stderr=True, highlight=False)
    with Progress(console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=len(policies))

        def show(policy: str, share: float) -> None:
            progress.update(task, description=policy, completed=policies.index(policy) + share)

        return room.replay(history, recipe, policies, wait, settings, release, show)


def _print(done: "Replayed", history: "History", plot: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.console.words import number

    console, found = Console(highlight=False), done.comparison
    for note in history.notes:
        console.print(f"[dim]· {escape(note)}[/]")
    unit = "mean absolute error" if history.task == "regression" else "share of wrong answers"
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title in ("policy", "error", "retrains", "alarms", "promoted", "rollbacks", "cost"):
        table.add_column(title, justify="left" if title == "policy" else "right", no_wrap=True)
    best = min(one.cost for one in found.policies)
    for one in found.policies:
        counts = (f"{n:,}" for n in (one.retrains, one.alarms, one.promotions, one.rollbacks))
        cost = f"[bold]{number(one.cost)}[/]" if one.cost == best else number(one.cost)
        table.add_row(one.policy, f"{one.loss:.4g}", *counts, cost)
    for name, loss in found.baselines.items():
        table.add_row(f"[dim]{name}[/]", f"[dim]{loss:.4g}[/]")
    console.print(table)
    least = min(found.baselines, key=found.baselines.__getitem__)
    if found.baselines[least] < min(one.loss for one in found.policies):
        console.print(f"[yellow]{least} does better than every policy: the model lacks what it would need to know[/]")
    console.print(
        f"[dim]{found.rows:,} rows in {found.seconds:.0f} s, {done.fits} models; the error is the {unit}, "
        f"a retraining costs {done.price:.4g} of it[/]"
    )
    if plot:
        console.print(f"[dim]the page: {escape(str(plot))}[/]")
