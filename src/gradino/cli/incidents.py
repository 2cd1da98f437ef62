"""`gradino incidents`: what went wrong, and what prevents it now."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gradino.cli.common import Json

if TYPE_CHECKING:
    from gradino.operate.project import Project
    from gradino.operate.store import Store

app = typer.Typer(
    help="List incidents; show one; close one with what prevents it from now on.",
    context_settings={"max_content_width": 120},
)
Where = Annotated[
    Path, typer.Option("--project", help="The project: a folder with a gradino.toml.", show_default="here")
]
Number = Annotated[int, typer.Argument(help="The incident's number.")]


@app.callback(invoke_without_command=True)
def incidents(context: typer.Context, project: Where = Path(), as_json: Json = False) -> None:
    """List what went wrong: alarms, refused releases, roll backs, quarantine, crashes, alerts."""
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.operate.incidents import learning
    from gradino.operate.store import state as s

    _, store = _opened(project)
    rows = store.state.rows(s.incidents)
    learnt = learning(store)
    if as_json:
        print(json.dumps({"incidents": [_plain(row) for row in rows], "learning": learnt}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "kind", "since", "times", "what", "prevented by"):
        table.add_column(name)
    for row in rows:
        improved = f"{row.improved_by}: {row.improvement}" if row.closed else "[yellow]open[/]"
        again = f" [red](again after {row.repeats})[/]" if row.repeats else ""
        when = f"{row.event_time or row.at:%Y-%m-%d %H:%M}"
        table.add_row(str(row.id), row.kind, when, str(len(row.timeline or [])), escape(row.title) + again, improved)
    console = Console(highlight=False)
    console.print(table if rows else "no incident")
    if learnt["improved"] is not None:
        console.print(f"[dim]{learnt['repeat_rate']:.0%} came again, {learnt['improved']:.0%} led to an improvement[/]")


@app.command()
def show(number: Number, project: Where = Path(), as_json: Json = False) -> None:
    """Show one incident: its timeline, the evidence, and what gradino proposes against it, as a diff."""
    from rich.console import Console
    from rich.markup import escape

    from gradino.operate.incidents import improve

    checked, store = _opened(project)
    row = improve.incident(store, number)
    found = [] if row.closed else improve.proposals(checked, store, number)
    if as_json:
        proposed = [{"kind": p.kind, "says": p.says, "diff": p.diff(checked.root)} for p in found]
        print(json.dumps(_plain(row) | {"proposals": proposed}))
        return
    console = Console(highlight=False)
    console.print(f"[bold]{row.id} {row.kind}[/] {escape(row.title)}")
    for entry in row.timeline or []:
        console.print(f"  [dim]{entry['at'][:16].replace('T', ' ')}[/] {escape(entry['says'])}")
    for name, value in row.evidence.items():
        console.print(f"  [dim]{name}[/] {escape(str(value))}")
    for proposal in found:
        console.print(f"\n[bold]{proposal.kind}[/] {escape(proposal.says)}")
        _print_diff(console, proposal.diff(checked.root))


@app.command()
def close(
    number: Number,
    by: Annotated[
        Literal["gate", "contract", "test", "slice", "threshold", "accepted"],
        typer.Option(help="What prevents it from now on; accepted: nothing does, with a reason."),
    ],
    because: Annotated[str, typer.Option(help="What was done, or why it is accepted.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    project: Where = Path(),
    as_json: Json = False,
) -> None:
    """Close an incident with an improvement: the change is shown, and written when you agree."""
    from rich.console import Console
    from rich.markup import escape

    from gradino.operate.incidents import improve

    checked, store = _opened(project)
    improve.incident(store, number)
    found = next((p for p in improve.proposals(checked, store, number) if p.kind == by), None)
    console = Console(highlight=False, stderr=as_json)
    if found:
        console.print(f"{escape(found.says)}")
        _print_diff(console, found.diff(checked.root))
        if not yes and not typer.confirm("Write this?", err=as_json):
            raise typer.Exit(1)
    done = improve.close(checked, store, number, by, because)
    written = list(done.files) if done else []
    if as_json:
        print(json.dumps({"incident": number, "improved_by": by, "written": written}))
    else:
        console.print(f"incident {number} is closed" + (f"; commit {', '.join(written)}" if written else ""))


def _opened(folder: Path) -> "tuple[Project, Store]":
    from gradino.operate.project import load
    from gradino.operate.store import Store

    project = load(folder)
    return project, Store.of(project.root)


def _plain(row: Any) -> dict[str, Any]:
    values = row._asdict()
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in values.items()}


def _print_diff(console: Any, diff: str) -> None:
    from rich.markup import escape

    for line in diff.splitlines():
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
        console.print(f"[{colour}]{escape(line)}[/]", soft_wrap=True)
