"""`gradino trace`: from a prediction back to raw bytes."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json


def trace(
    subject: Annotated[str, typer.Argument(help="A prediction id, or a version such as v3.")],
    project: Annotated[Path, typer.Option(help="The project.", show_default="here")] = Path(),
    as_json: Json = False,
) -> None:
    """Walk from a prediction (or a version) back to the raw rows; recompute every hash on the way.

    Exit code 1 when one does not match: the line says which.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape

    from gradino.operate import lineage
    from gradino.operate.project import load
    from gradino.operate.store import Store

    checked = load(project)
    links = lineage.trace(checked, Store.of(checked.root), subject)
    verified = all(link.verified for link in links)
    if as_json:
        print(json.dumps({"verified": verified, "links": [asdict(link) for link in links]}))
    else:
        console = Console(highlight=False)
        for link in links:
            sign = "[green]✓[/]" if link.verified else "[red bold]✗[/]"
            console.print(f"{sign} [bold]{link.kind:<12}[/] {escape(link.name)}")
            console.print(f"    [dim]{link.digest or ''}[/] {escape(link.says)}", soft_wrap=True)
        console.print("every hash was recomputed and matches" if verified else "[red]the chain is broken[/]")
    if not verified:
        raise typer.Exit(1)
