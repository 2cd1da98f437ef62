"""`gradino init`: a small working project."""

from pathlib import Path
from typing import Annotated

import typer


def init(folder: Annotated[Path, typer.Argument(help="Where to write it.", show_default="here")] = Path()) -> None:
    """Write a small working project: data, model, scoring, tests, lock file, and a git repository."""
    from rich.console import Console

    from gradino.operate.project import scaffold

    console = Console(highlight=False)
    with console.status("writing the project and locking its environment"):
        scaffold.write(folder)
        if not scaffold.in_repository(folder):
            scaffold.commit(folder)
    console.print(f"[bold]{folder.resolve().name}[/] is ready. Next:")
    console.print(f"  gradino up {folder}        operate it, until Ctrl-C")
    console.print(f"  gradino assess {folder}    see its level")
