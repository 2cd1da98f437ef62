"""`gradino drift`: what changed in production's rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradino.cli.common import Folder, Json

if TYPE_CHECKING:
    from gradino.operate.monitoring import Diagnosis


def drift(
    project: Folder = Path(),
    days: Annotated[
        int | None,
        typer.Option(
            help="The window: the last so many days.", min=1, show_default="as many weeks as hold 500 predictions"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what changed in the rows that the champion answers: since when, in which rows, and does it matter.

    Compared with its training data, and with the same season of it. Drift explains an alarm; it raises none.
    """
    import msgspec

    from gradino.errors import GradinoError
    from gradino.operate import release
    from gradino.operate.monitoring import diagnose
    from gradino.operate.project import load
    from gradino.operate.store import Store

    store = Store.of(load(project).root)
    live = release.champion(store)
    found = diagnose(store, live, days) if live is not None else None
    if found is None:
        raise GradinoError("no prediction has been logged yet", "ask the model first; see `gradino status`")
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _show(found)


def _show(found: "Diagnosis") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(
        f"[bold]v{found.version}[/], {found.first} to {found.last}, {found.rows:,} rows: {escape(found.says)}"
    )
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("column", "", "PSI", "limit", "JS", "missing", "outside", "loss", "since"):
        table.add_column(name, justify="left" if name in ("column", "", "since") else "right", no_wrap=True)
    colours = {"drift": "red", "stable": "green", "insufficient": "yellow"}
    for column in found.columns:
        season = column.season
        table.add_row(
            escape(column.name.removeprefix("x_")),
            f"[{colours[column.verdict]}]{column.verdict}[/]",
            f"{season.psi:.2f}",
            f"{season.psi_limit:.2f}",
            f"{season.distance:.2f}",
            f"{season.missing[1]:.1%}",
            f"{season.outside[1]:.1%}",
            "" if column.effect is None else f"{column.effect:+.3f}",
            str(column.since or ""),
        )
    console.print(table)
    for column in found.columns:
        if column.verdict == "drift":
            parts = "; ".join(f"{p.label}: {p.before:.0%} → {p.now:.0%}" for p in column.parts)
            console.print(f"[dim]{escape(column.name.removeprefix('x_'))}[/] {escape(parts)}")
    if found.expected is not None:
        realised = (
            f"{found.realised:.3g} over {found.labels:,} labels" if found.realised is not None else "no label yet"
        )
        console.print(f"loss at release {found.reference:.3g}; expected of these rows {found.expected:.3g}; {realised}")
    if found.scored:
        console.print(
            f"[dim]so far the estimate was off by {found.scored.error:.3g} a day over {found.scored.days} days; "
            f"taking the loss at release for every day, by {found.scored.without:.3g}[/]"
        )
