"""`gradino plan`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradino.errors import EvidenceError

if TYPE_CHECKING:
    from gradino.maturity import Language


def plan(
    path: Annotated[Path, typer.Argument(help="A project: work tree, bare repository or plain directory.")] = Path(),
    to: Annotated[int | None, typer.Option(help="The level to reach.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    format: Annotated[str, typer.Option(help="One of: terminal, markdown, html, json.")] = "terminal",  # noqa: A002
    output: Annotated[Path | None, typer.Option(help="Write the plan to a file.")] = None,
    lang: Annotated[str, typer.Option(help="Language: en or it.")] = "en",
) -> None:
    """Order what is missing into increments with scope, deliverables, success criteria and effort."""
    import msgspec
    from rich.console import Console

    from gradino.measure import assess
    from gradino.measure.plan import plan as make
    from gradino.measure.reports import html, markdown, terminal

    language: Language = "it" if lang == "it" else "en"
    chosen = "json" if json else format
    made = make(assess(path), to, language)
    if chosen == "terminal":
        Console(highlight=False).print(terminal.plan(made, language))
        return
    if chosen == "json":
        text = msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"
    elif chosen in ("markdown", "html"):
        text = (markdown.plan if chosen == "markdown" else html.plan)(made, language)
    else:
        raise EvidenceError(f"There is no plan format '{chosen}'.", "Choose one of: terminal, markdown, html, json.")
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
