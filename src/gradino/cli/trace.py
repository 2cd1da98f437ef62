"""`gradino trace`: from a prediction back to raw bytes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradino.cli.common import Json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradino.operate.lineage import Link


def trace(
    subject: Annotated[
        str, typer.Argument(help="A prediction id, or a version such as v3.", show_default="all, with --all")
    ] = "",
    project: Annotated[Path, typer.Option(help="The project.", show_default="here")] = Path(),
    everything: Annotated[bool, typer.Option("--all", help="Check all that is on record.")] = False,
    openlineage: Annotated[bool, typer.Option("--openlineage", help="OpenLineage events, a line each.")] = False,
    provenance: Annotated[bool, typer.Option("--provenance", help="A signed in-toto statement (SLSA).")] = False,
    card: Annotated[bool, typer.Option("--card", help="A model card in Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Walk from a prediction (or a version) back to the raw rows; recompute every hash on the way.

    Exit code 1 when one does not match: the line says which. `--openlineage`, `--provenance` and `--card` tell the same
    in the formats of others, of an intact chain only.
    """
    import json

    from gradino.operate import lineage
    from gradino.operate.project import load
    from gradino.operate.store import Store

    if sum((everything, openlineage, provenance, card)) > 1:
        raise typer.BadParameter("give one of --all, --openlineage, --provenance and --card")
    if everything == bool(subject):
        raise typer.BadParameter("give a prediction id or a version, or --all")
    checked = load(project)
    store = Store.of(checked.root)
    if openlineage or provenance or card:
        found = lineage.record(checked, store, subject)
        if card:
            text = lineage.card(found)
            print(json.dumps({"card": text}) if as_json else text)
        for line in lineage.events(found) if openlineage else [lineage.provenance(store, found)] if provenance else []:
            print(json.dumps(line))
        return
    links = lineage.everything(checked, store) if everything else lineage.trace(checked, store, subject)
    if not _shown(links, everything, as_json):
        raise typer.Exit(1)


def _shown(links: "Iterable[Link]", everything: bool, as_json: bool) -> bool:
    """Print the links – of all that is on record only the broken ones –; returns whether all are whole."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape

    checked, told = 0, []
    with Console(stderr=True).status("recomputing every hash") as status:
        for checked, link in enumerate(links, 1):
            status.update(f"recomputing every hash: {checked:,} links")
            if not (everything and link.verified):
                told.append(link)
    verified = all(link.verified for link in told)
    if as_json:
        print(json.dumps({"verified": verified, "checked": checked, "links": [asdict(link) for link in told]}))
        return verified
    console = Console(highlight=False)
    for link in told:
        sign = "[green]✓[/]" if link.verified else "[red bold]✗[/]"
        console.print(f"{sign} [bold]{link.kind:<12}[/] {escape(link.name)}")
        console.print(f"    [dim]{link.digest or ''}[/] {escape(link.says)}", soft_wrap=True)
    console.print(
        f"every hash of {checked:,} links was recomputed and matches" if verified else "[red]the chain is broken[/]"
    )
    return verified
