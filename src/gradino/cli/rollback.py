"""`gradino rollback`: give production back to the champion before this one."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Folder, Json


def rollback(
    project: Folder = Path(),
    reason: Annotated[str, typer.Option(help="Why; it goes into the signed decision.")] = "asked for by hand",
    as_json: Json = False,
) -> None:
    """Give production back to the champion before this one, in under a second."""
    import json

    from gradino.operate import release
    from gradino.operate.project import load
    from gradino.operate.store import Store

    store = Store.of(load(project).root)
    version = release.rollback(store, reason, store.clock())
    print(json.dumps({"champion": version}) if as_json else f"v{version} is champion again")
