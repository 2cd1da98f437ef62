"""`gradino assess`."""

from datetime import datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradino.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from gradino.maturity import Language
    from gradino.measure import Assessment

FORMATS = ("terminal", "json", "markdown", "html", "sarif", "badge")


def assess(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Projects: work trees, bare repositories or plain directories.")
    ] = None,
    rev: Annotated[str, typer.Option(help="The commit to measure.")] = "HEAD",
    model: Annotated[str, typer.Option(help="The maturity model to judge by.")] = "azure-2020-01",
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    format: Annotated[str, typer.Option(help=f"One of: {', '.join(FORMATS)}.")] = "terminal",  # noqa: A002
    output: Annotated[Path | None, typer.Option(help="Write the report to a file.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the report: en or it.")] = "en",
    evidence: Annotated[bool, typer.Option("--evidence", help="Show every finding and its place.")] = False,
    worktree: Annotated[
        bool, typer.Option("--worktree", help="Read the files as they lie there, not as committed.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Levels over past commits, and what made them fall.")
    ] = False,
    no_regress: Annotated[str, typer.Option(metavar="REV", help="Exit 1 if a track stands lower than at REV.")] = "",
    require: Annotated[
        list[str] | None, typer.Option(metavar="TRACK@LEVEL", help="Exit 1 unless a track stands there.")
    ] = None,
    projects: Annotated[Path | None, typer.Option("--list", help="A file with one project per line.")] = None,
    each: Annotated[bool, typer.Option("--each", help="Measure each project of a monorepo by itself.")] = False,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day attestations must hold on.")
    ] = None,
    tracking_uri: Annotated[str, typer.Option(help="Ask a live MLflow server.")] = "",
    endpoint: Annotated[str, typer.Option(help="Ask a live scoring endpoint.")] = "",
    prometheus: Annotated[str, typer.Option(help="Ask a live Prometheus.")] = "",
    store: Annotated[str, typer.Option(help="Read gradino's own store from its PostgreSQL database.")] = "",
) -> None:
    """Measure on which level each track of a project stands, from evidence."""
    from gradino.measure import assess as measure
    from gradino.measure import live
    from gradino.measure import projects as held
    from gradino.measure.reports import terminal

    language: Language = "it" if lang == "it" else "en"
    format = "json" if json else format  # noqa: A001
    if format not in FORMATS:
        raise EvidenceError(f"There is no report format '{format}'.", f"Choose one of: {', '.join(FORMATS)}.")
    day = today.date() if today else None
    chosen = list(paths or []) + (_listed(projects) if projects else [])
    path = chosen[0] if chosen else Path()
    inside = held(path, rev, worktree) if each and len(chosen) < 2 else []
    if each and not inside:
        raise EvidenceError(f"{path} holds one project, not several.", "Measure it without --each.")
    if len(chosen) > 1 or inside:
        if history or no_regress or tracking_uri or endpoint or prometheus or store or format in ("sarif", "badge"):
            raise EvidenceError(
                "--history, --no-regress, SARIF, badge and the options that ask a running system take one project.",
                "Name one project, or leave them out.",
            )
        places = [(path, folder) for folder in inside] or [(path, "") for path in chosen]
        how = {"rev": rev, "model": model, "worktree": worktree, "today": day}
        _portfolio(places, how, format, output, language, require or [])
        return
    if history:
        _history(path, format, language)
        return
    seen, silent = live.ask(tracking_uri, endpoint, prometheus)
    result = measure(path, rev, model, worktree, day, tuple(seen), exemptions_at=no_regress, store=store)
    if format == "terminal":
        _print(terminal.ladder(result, language, evidence), output)
    else:
        _write(_rendered(result, format, language), output)
    for note in silent:
        typer.echo(note, err=True)
    _check([result], require or [])
    if no_regress:
        _compare(path, no_regress, model, result)


def _listed(file: Path) -> list[Path]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EvidenceError(
            f"{file} cannot be read: {error.strerror}.", "Name a file with one project per line."
        ) from None
    return [(file.parent / line.strip()) for line in lines if line.strip() and not line.startswith("#")]


def _rendered(result: "Assessment", format: str, language: "Language") -> str:  # noqa: A002
    from gradino.measure.reports import badge, html, markdown, sarif

    if format == "json":
        return result.to_json() + "\n"
    return {"markdown": markdown.report, "html": html.report, "sarif": sarif.report, "badge": badge.report}[format](
        result, language
    )


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _print(shown: "RenderableType", output: Path | None, width: int | None = None) -> None:
    from rich.console import Console

    if output is None:
        Console(highlight=False, width=width).print(shown)
        return
    with output.open("w", encoding="utf-8") as file:
        Console(highlight=False, file=file, width=width or 120).print(shown)


def _portfolio(
    places: "Sequence[tuple[Path, str]]",
    how: dict[str, Any],
    format: str,  # noqa: A002
    output: Path | None,
    language: "Language",
    require: list[str],
) -> None:
    """Exit 1 where a project could not be measured, or does not stand where it must."""
    from rich.console import Console

    from gradino.measure import portfolio
    from gradino.measure.reports import html, markdown, terminal

    with Console(stderr=True).status("") as status:
        found, silent = portfolio.measure(
            places, lambda done: status.update(f"{done} of {len(places)} projects measured"), **how
        )
    for note in silent:
        typer.echo(note, err=True)
    if not found:
        raise EvidenceError("None of the projects can be read.", "Name folders of projects or git repositories.")
    common = portfolio.commonest_gap(found)
    if format == "json":
        import msgspec

        _write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n", output)
    elif format == "html":
        _write(html.portfolio(found, common, language), output)
    elif format == "markdown":
        _write(markdown.portfolio(found, common, language), output)
    else:
        _print(terminal.heat_map(found, common, language), output, max(120, Console().width))
    _check(found, require)
    if silent:
        raise typer.Exit(1)


def _history(path: Path, format: str, language: "Language") -> None:  # noqa: A002
    from gradino.measure import trend

    points = trend.history(path)
    if format == "json":
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(points), indent=2).decode())
        return
    from rich.console import Console

    from gradino.measure.reports import terminal

    Console(highlight=False).print(terminal.timeline(points, trend.falls(points), language))


def _check(results: "Sequence[Assessment]", wanted: list[str]) -> None:
    missing = []
    for result, want in product(results, wanted):
        track, _, level = want.partition("@")
        try:
            held = result.track(track).level.wired
        except KeyError:
            raise EvidenceError(
                f"There is no track '{track}'.", "Tracks are listed by gradino assess --json."
            ) from None
        if not level.isdigit():
            raise EvidenceError(f"'{want}' names no level.", "Write TRACK@LEVEL, such as creation.training@3.")
        if held < int(level):
            missing.append(f"{result.subject.name}: {track} stands on {held}, not {level}")
    if missing:
        typer.echo("\n".join(missing), err=True)
        raise typer.Exit(1)


def _compare(path: Path, rev: str, model: str, now: "Assessment") -> None:
    """Exit 1 where a track fell since `rev`; only exemptions that `rev` already had are heeded."""
    from gradino.measure import assess as measure
    from gradino.measure import trend

    exempt = {g.track for g in now.gaps if g.exempt}
    lost = [x for x in trend.losses(measure(path, rev, model), now) if x.track not in exempt]
    for loss in lost:
        typer.echo(
            f"{loss.track} fell from {loss.was} to {loss.now} at {loss.commit[:12]}: gone is {loss.gone}", err=True
        )
    if lost:
        raise typer.Exit(1)
