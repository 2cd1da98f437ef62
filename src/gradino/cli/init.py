"""`gradino init`: a small working project, or the pipeline of one that is there."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Host(StrEnum):
    """Where pipelines run."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it.", show_default="here")] = Path(),
    ci: Annotated[
        Host | None, typer.Option(help="Also write the pipeline that checks, trains, tests and releases there.")
    ] = None,
) -> None:
    """Write a small working project: data, model, scoring, tests, lock file, and a git repository.

    In a project that is there already, `--ci` writes the pipeline only. No file is ever overwritten.
    """
    from rich.console import Console

    from gradino.operate.project import pipeline, scaffold
    from gradino.operate.project.config import FILE

    console = Console(highlight=False)
    is_project = (folder / FILE).exists()
    if ci is None or not is_project:
        with console.status("writing the project and locking its environment"):
            scaffold.write(folder)
    if ci is not None:
        written = pipeline.write(folder, ci.value)
        place = pipeline.PLACES[ci.value]
        console.print(f"{place} {'is written; read it, then commit it' if written else 'is there already, unchanged'}")
    if ci is not None and is_project:
        return
    if not scaffold.in_repository(folder):
        scaffold.commit(folder)
    console.print(f"[bold]{folder.resolve().name}[/] is ready. Next:")
    console.print(f"  gradino up {folder}        operate it, until Ctrl-C")
    console.print(f"  gradino assess {folder}    see its level")
