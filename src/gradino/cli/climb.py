"""`gradino climb`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gradino.errors import EvidenceError


class Host(StrEnum):
    """Where pipelines run."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"


def climb(
    path: Annotated[Path, typer.Argument(help="A project: the work tree of a git repository.")] = Path(),
    track: Annotated[str, typer.Option(help="Climb this track only.")] = "",
    to: Annotated[int | None, typer.Option(help="The level to reach.")] = None,
    host: Annotated[Host | None, typer.Option(help="Where pipelines run, if it cannot be seen.")] = None,
    train: Annotated[str, typer.Option(metavar="COMMAND", help="What trains, where it cannot be found.")] = "",
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Write gradino.toml instead, so that gradino operates the project.")
    ] = False,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="With --adopt: name, task, target, time, source or train."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Write the next increment of the plan into the project, as far as what is there allows.

    New files only, into the work tree: nothing is committed and no line of yours is changed. Each is measured before
    it is written; what would raise no rung is not written.
    """
    import msgspec
    from rich.console import Console

    from gradino.measure.climb import adopt as taken_up
    from gradino.measure.climb import climb as look
    from gradino.measure.climb import report, write

    console = Console(highlight=False)
    with Console(stderr=True).status("measuring what would rise"):
        if adopt:
            made = taken_up(path, _told(given or []))
        else:
            made = look(path, to, track, host.value if host else None, train)
    new = [file for file in made.files if not file.there]
    ask = bool(new) and not yes and not dry_run
    if ask and (json or not sys.stdin.isatty()):
        raise EvidenceError(
            f"Nothing was written: there is nobody to ask about {', '.join(f.path for f in new)}.",
            "Look first with --dry-run, then write with --yes.",
        )
    if not json:
        console.print(report.difference(made.files), soft_wrap=True)
        console.print(report.outcome(made), soft_wrap=True)
    if ask and not typer.confirm("\nWrite?"):
        raise typer.Exit(1)
    written = [] if dry_run else write(path, new)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
    elif written:
        console.print(f"\n[green3]✓[/] wrote {', '.join(written)}; review, then commit", soft_wrap=True)


def _told(given: list[str]) -> dict[str, str]:
    from gradino.measure.climb.recipes.adoption import KEYS

    told = {key: value for key, equals, value in (text.partition("=") for text in given) if equals and value}
    if unknown := [text for text in given if text.partition("=")[0] not in KEYS or text.partition("=")[0] not in told]:
        raise EvidenceError(f"'{unknown[0]}' gives nothing.", f"Write --set KEY=VALUE with one of: {', '.join(KEYS)}.")
    return told
