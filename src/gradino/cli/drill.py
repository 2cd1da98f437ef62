"""`gradino drill`: prove it, on a copy."""

import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json, Project


def drill(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which drills; see --list.", show_default="all of them")
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Say which drills there are, and what each must show.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the rehearsal's folder, to look into it.")] = False,
    output: Annotated[Path | None, typer.Option(help="Also write a report: .html or .md.", show_default=False)] = None,
) -> None:
    """Inject drift, bad rows, bad models and crashes into a rehearsal of the project, and say what happened.

    A copy of the last commit is operated with rows of the project's own; production is not touched. The results are
    kept with the project's records, where `gradino assess` takes passed drills for proof.

    Exit code 0 when all passed, 1 when one failed, 3 when none failed and one could not say.
    """
    from rich.console import Console

    from gradino.drills import course
    from gradino.drills.record import record
    from gradino.drills.report import check, write
    from gradino.drills.show import Show

    if listed:
        _list(as_json)
        return
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.default_int_handler)
    check(output)
    wanted = course.chosen(names or [])
    show = Show(Console(stderr=as_json, highlight=False), wanted)
    with show.bar:
        done = course.run(project, wanted, keep, show.faces)
    record(project, done)
    if output:
        write(output, done)
    show.closing(done, keep)
    if as_json:
        verdicts = [one.verdict for one in done.drills]
        counts = {verdict: verdicts.count(verdict) for verdict in ("pass", "fail", "insufficient")}
        print(
            json.dumps({"commit": done.commit, **counts, "drills": [one.plain() for one in done.drills]}, default=str)
        )
    if any(one.verdict != "pass" for one in done.drills):
        raise typer.Exit(1 if any(one.verdict == "fail" for one in done.drills) else 3)


def _list(as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from gradino.drills.course import DRILLS

    told = {name: " ".join((run.__doc__ or "").split()) for name, run in DRILLS.items()}
    if as_json:
        print(json.dumps(told))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for name, says in told.items():
        table.add_row(f"[bold]{name}[/]", says)
    Console(highlight=False).print(table)
