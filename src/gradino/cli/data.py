"""`gradino data`: what was collected, version by version."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradino.cli.common import Json, Project

if TYPE_CHECKING:
    from gradino.operate.project import Project as Checked
    from gradino.operate.store import Store

app = typer.Typer(help="Collect rows; list, show and compare the versions of the data.", no_args_is_help=True)


@app.command()
def collect(project: Project = Path(), as_json: Json = False) -> None:
    """Ask the source now for what is new. A running operator does this by itself, every `every`."""
    from rich.console import Console

    from gradino.operate import data

    checked, store = _opened(project)
    with Console(stderr=True).status(f"asking {checked.data.source}"):
        found = data.collect(checked, store)
    if as_json:
        print(json.dumps(asdict(found) if found else {"version": None}, default=str))
    elif found:
        print(f"version {found.version}: {found.rows:,} rows until {_moment(found.until)}, {_bad(found.quarantined)}")
    else:
        print("nothing new")


@app.command()
def log(project: Project = Path(), as_json: Json = False) -> None:
    """List the versions, newest last: rows, quarantine, newest event time, digest."""
    from rich.console import Console
    from rich.table import Table

    from gradino.operate.data import history

    versions = history.log(_opened(project)[1])
    if as_json:
        print(json.dumps({"versions": [asdict(version) for version in versions]}, default=str))
        return
    table = Table(
        "version", "collected", "until", "added", "rows", "quarantined", "digest", box=None, padding=(0, 2, 0, 0)
    )
    for v in versions:
        counts = (f"{v.added:,}", f"{v.rows:,}", f"{v.quarantined:,}")
        table.add_row(str(v.version), _moment(v.at), _moment(v.until), *counts, v.digest[:12])
    Console(highlight=False).print(table if versions else "none yet: `gradino data collect` asks the source")


@app.command()
def show(
    version: Annotated[int | None, typer.Argument(help="Which one.", show_default="the newest")] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Show a version: columns with counts and ranges, where its rows came from, its files by SHA-256."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.operate.data import history

    found = history.show(_opened(project)[1], version)
    if as_json:
        print(json.dumps(asdict(found), default=str))
        return
    v = found.version
    console = Console(highlight=False)
    console.print(f"[bold]version {v.version}[/] {v.rows:,} rows until {_moment(v.until)}, collected {_moment(v.at)}")
    console.print(f"[dim]{v.digest}[/]", soft_wrap=True)
    table = Table("column", "type", "missing", "low", "high", "mean", "most often", box=None, padding=(0, 2, 0, 0))
    for c in found.columns:
        top = ", ".join(f"{value} {count:,}" for value, count in (c.top or {}).items())
        cells = (c.name, c.type, f"{c.missing:,}", _shown(c.low), _shown(c.high), _shown(c.mean), top)
        table.add_row(*map(escape, cells))
    console.print(table)
    console.print(f"it added {v.added:,} rows, {_bad(v.quarantined)}, from batch {v.raw}", soft_wrap=True)
    for reason, count in found.reasons.items():
        console.print(f"  {count:,} × {escape(reason)}", soft_wrap=True)
    for key, value in found.origin.items():
        for line in (
            [f"{name}  [dim]{digest}[/]" for name, digest in value.items()] if key == "files" else [escape(str(value))]
        ):
            console.print(f"  {key:<7} {line}", soft_wrap=True)
    console.print(f"{len(found.files)} data files")
    for name, digest in found.files.items():
        console.print(f"  [dim]{digest}[/] {escape(name)}", soft_wrap=True)


@app.command()
def diff(
    one: Annotated[int, typer.Argument(help="A version.")],
    other: Annotated[int, typer.Argument(help="Another one.")],
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Compare two versions: rows, columns, and how the rows that came between are distributed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.operate.data import history

    found = history.diff(_opened(project)[1], one, other)
    if as_json:
        print(json.dumps(asdict(found), default=str))
        return
    console = Console(highlight=False)
    console.print(f"[bold]version {found.older.version} → {found.newer.version}[/]")
    console.print(f"{found.older.rows:,} rows until {_moment(found.older.until)}")
    console.print(f"+ {found.added:,} rows until {_moment(found.newer.until)}, {_bad(found.quarantined)}; none removed")
    for name in found.new_columns:
        console.print(f"+ column {escape(name)}")
    for name, (before, after) in found.retyped.items():
        console.print(f"~ column {escape(name)}: {before} → {after}")
    table = Table("column", "verdict", "PSI", "limit", "missing", "mean", box=None, padding=(0, 2, 0, 0))
    for c in found.changes:
        mean = f"{c.mean[0]:.4g} → {c.mean[1]:.4g}" if c.mean else ""
        missing = f"{c.missing[0]:.1%} → {c.missing[1]:.1%}"
        table.add_row(escape(c.name), c.verdict, f"{c.psi:.3f}", f"{c.limit:.3f}", missing, mean)
    console.print(table)


def _opened(project: Path) -> tuple["Checked", "Store"]:
    from gradino.operate.project import load
    from gradino.operate.store import Store

    checked = load(project)
    return checked, Store.of(checked.root)


def _bad(rows: int) -> str:
    return f"{rows:,} in quarantine"


def _moment(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "strftime"):
        return _moment(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
