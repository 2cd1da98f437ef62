"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(help="The project: a folder with a gradino.toml.", show_default="here")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Project = Annotated[Path, typer.Option(help="The project.", show_default="here")]
