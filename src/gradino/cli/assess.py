"""`gradino assess`."""

from pathlib import Path
from typing import Annotated

import typer


def assess(
    path: Annotated[Path, typer.Argument(help="A project: work tree, bare repository or plain directory.")] = Path(),
    rev: Annotated[str, typer.Option(help="The commit to measure.")] = "HEAD",
    model: Annotated[str, typer.Option(help="The maturity model to judge by.")] = "azure-2020-01",
    json: Annotated[bool, typer.Option("--json", help="Print the assessment as JSON.")] = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show every finding and its place.")] = False,
    lang: Annotated[str, typer.Option(help="Language of the report: en or it.")] = "en",
    worktree: Annotated[
        bool, typer.Option("--worktree", help="Read the files as they lie there, not as committed.")
    ] = False,
) -> None:
    """Measure on which level each track of a project stands, from evidence."""
    from gradino.measure import assess as measure

    result = measure(path, rev, model, worktree)
    if json:
        typer.echo(result.to_json())
        return
    from rich.console import Console

    from gradino.measure.reports import terminal

    Console(highlight=False).print(terminal.ladder(result, "it" if lang == "it" else "en", evidence))
