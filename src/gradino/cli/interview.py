"""`gradino interview`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradino.errors import EvidenceError

if TYPE_CHECKING:
    from gradino.maturity import Language


def interview(
    path: Annotated[Path, typer.Argument(help="The project's folder; the answers are written into it.")] = Path(),
    person: Annotated[str, typer.Option(help="Who answers.")] = "",
    role: Annotated[
        str, typer.Option(help="In which role: data scientist, data engineer, software engineer, lead.")
    ] = "",
    answers: Annotated[Path | None, typer.Option(help="A TOML file: a table for each track: level, link.")] = None,
    lang: Annotated[str, typer.Option(help="Language: en or it.")] = "en",
) -> None:
    """Ask about what no file can show; write the answers as attestations to be reviewed and committed."""
    from gradino.measure import interview as talk

    if not path.is_dir():
        raise EvidenceError(f"{path} is not a directory.", "Name the project's folder.")
    language: Language = "it" if lang == "it" else "en"
    person = person or typer.prompt("Person" if language == "en" else "Persona")
    role = role or typer.prompt("Role" if language == "en" else "Ruolo")
    if answers is not None:
        given = talk.from_file(answers)
    else:
        given = {}
        for question in talk.questions(language):
            typer.echo(f"\n{question.name}")
            for number, (level, says) in enumerate(question.choices):
                typer.echo(f"  {number}  {says} ({level})")
            choice = typer.prompt(">", type=int, default=0)
            if not 0 <= choice < len(question.choices):
                raise EvidenceError(f"{choice} is not one of the answers.", f"Answer 0 to {len(question.choices) - 1}.")
            if choice:
                link = typer.prompt("Link to evidence" if language == "en" else "Rimando a una prova")
                given[question.track] = (question.choices[choice][0], link)
    file = talk.write(path, person, role, given)
    typer.echo(
        f"{file}: {len(given)} answers. Have it reviewed and commit it."
        if language == "en"
        else f"{file}: {len(given)} risposte. Va rivisto e registrato con un commit."
    )
