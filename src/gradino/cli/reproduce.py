"""`gradino reproduce`: make a model version again from its record."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json, Project


def reproduce(
    version: Annotated[str, typer.Argument(help="Which one, such as v3.")],
    project: Project = Path(),
    tolerance: Annotated[float, typer.Option(help="Of the metric, relatively, where bits differ.", min=0.0)] = 0.01,
    here: Annotated[bool, typer.Option("--here", help="In this Python instead of a fresh environment.")] = False,
    as_json: Json = False,
) -> None:
    """Make a version again from code, lock, data, seed and parameters of its record, and compare it with the first.

    Exit code 0 when it is identical, answers alike, or its metric is within the tolerance, and the answer says which;
    1 when it is different, or the record is not what it was.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape

    from gradino.errors import TrainingError
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.training.reproduce import reproduce as again

    number = version.removeprefix("v")
    if not number.isdecimal():
        raise TrainingError(f"`{version}` is no version", "give its number, such as v3")
    checked = load(project)
    with Console(stderr=True, highlight=False).status("") as status:
        found = again(checked, Store.of(checked.root), int(number), tolerance, here, status.update)
    if as_json:
        print(json.dumps(asdict(found) | {"reproduced": found.passed}))
    else:
        console = Console(highlight=False)
        sign = "[green]✓[/]" if found.passed else "[red bold]✗[/]"
        console.print(f"{sign} v{found.version}: {escape(found.says)}", soft_wrap=True)
        for name, (then, now) in found.evidence.get("machine", {}).items():
            console.print(f"  {name} was {escape(str(then))}, is {escape(str(now))}", soft_wrap=True)
        for path in found.evidence.get("not_locked", []):
            console.print(f"  {escape(path)} is a path, not a version: it was used as it is now", soft_wrap=True)
        console.print(f"  [dim]{found.seconds:.0f} s[/]")
    if not found.passed:
        raise typer.Exit(1)
