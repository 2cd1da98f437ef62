"""`gradino token`: who may ask, once the scoring server or the page listens beyond this machine."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradino.cli.common import Json

if TYPE_CHECKING:
    from gradino.operate.store import Store

app = typer.Typer(help="Make, list and revoke the tokens of callers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Who holds it; the logs say this name.")]
Project = Annotated[Path, typer.Option(help="The project.", show_default="here")]


class Role(StrEnum):
    scorer = "scorer"
    viewer = "viewer"
    operator = "operator"


@app.command()
def add(
    name: Name,
    role: Annotated[
        Role,
        typer.Option(help="A scorer scores and tells labels, a viewer reads page and metrics, an operator may both."),
    ],
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Make a token and print it. It is shown this once: what is kept is its hash."""
    from gradino.operate.store import tokens

    made = tokens.add(_store(project).state, name, role.value)
    print(json.dumps({"name": name, "role": role.value, "token": made}) if as_json else made)


@app.command("list")
def list_(project: Project = Path(), as_json: Json = False) -> None:
    """Say which tokens are valid."""
    from gradino.operate.store import tokens

    found = [
        {"name": row.name, "role": row.role, "since": row.at.isoformat()} for row in tokens.valid(_store(project).state)
    ]
    if as_json:
        print(json.dumps({"tokens": found}))
        return
    for row in found:
        print(f"{row['role']:<9} {row['name']} since {row['since'][:16]}")
    if not found:
        print("none: `gradino token add NAME --role scorer` makes one")


@app.command()
def revoke(name: Name, project: Project = Path(), as_json: Json = False) -> None:
    """Make a token worthless, within a second also for servers that run."""
    from gradino.operate.store import tokens

    tokens.revoke(_store(project).state, name)
    print(json.dumps({"revoked": name}) if as_json else f"{name} is refused from now on")


def _store(project: Path) -> "Store":
    from gradino.operate.project import load
    from gradino.operate.store import Store

    return Store.of(load(project).root)
