"""`gradino runs`: what was trained, and with what."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gradino.cli.common import Json, Project


def runs(
    run: Annotated[str | None, typer.Argument(help="One run, or the beginning of its id.", show_default="all")] = None,
    project: Project = Path(),
    cancel: Annotated[bool, typer.Option("--cancel", help="End this run now.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Print this run's log, as it grows.")] = False,
    as_json: Json = False,
) -> None:
    """List the runs, or show one: data, code, seed, hyper-parameters, machine, metrics overall and by slice."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.errors import TrainingError
    from gradino.operate import training
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.store.state import runs as table

    store = Store.of(load(project).root)
    found = [dict(row._mapping) for row in store.state.rows(table) if row.id.startswith(run or "")]
    console = Console(highlight=False)
    if run is None:
        if cancel or log:
            raise TrainingError("which run?", "`gradino runs` lists them; give the beginning of an id")
        if as_json:
            print(json.dumps({"runs": found}, default=str))
            return
        listed = Table(box=None, padding=(0, 2, 0, 0))
        for name, width in {"run": 13, "status": 9, "asked for": 16, "data": 4, "version": 7}.items():
            listed.add_column(name, no_wrap=True, min_width=width)
        listed.add_column("metric", overflow="fold")
        listed.add_column("reason")
        for row in found:
            metric = next((f"{name} {value:.4g}" for name, value in (row["metrics"] or {}).items()), "")
            version = f"v{row['version']}" if row["version"] else ""
            cells = (
                row["id"],
                row["status"],
                f"{row['at']:%Y-%m-%d %H:%M}",
                _text(row["data_version"]),
                version,
                metric,
            )
            listed.add_row(*cells, escape(row["reason"]))
        console.print(listed if found else "none yet: `gradino train` makes one")
        return
    if len(found) != 1:
        what = f"{len(found)} runs begin with {run}" if found else f"there is no run {run}"
        raise TrainingError(what, "`gradino runs` lists them")
    (row,) = found
    if cancel:
        training.cancel(store, row["id"])
        print(json.dumps({"run": row["id"], "status": "cancelled"}) if as_json else f"run {row['id']} is cancelled")
    elif log:
        for line in training.follow(store, row["id"]):
            print(line)
    elif as_json:
        print(json.dumps(row, default=str))
    else:
        for line in _lines(row):
            console.print(line, soft_wrap=True)


def _lines(row: dict[str, Any]) -> list[str]:
    """A run for a person: what is not known is left out."""
    from rich.markup import escape

    facts = {key: value for key, value in row.items() if value not in (None, {}, "") and not isinstance(value, dict)}
    lines = [f"[bold]{key:<13}[/] {escape(str(value))}" for key, value in facts.items()]
    for key in ("parameters", "machine", "metrics"):
        if row[key]:
            lines.append(f"[bold]{key}[/]")
            lines += [f"  {escape(name):<28} {_text(value)}" for name, value in row[key].items()]
    for name, values in (row["slices"] or {}).items():
        shown = ", ".join(f"{key} {_text(value)}" for key, value in values.items())
        lines.append(f"[bold]slice[/] {escape(name):<22} {shown}")
    return lines


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
