"""`gradino score`: a file of rows through the model that is live."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json, Project


def score(
    given: Annotated[Path, typer.Argument(metavar="IN", help="Rows: .parquet, .csv, or the folder of a Delta table.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Where they go with their predictions; in the same forms.")
    ],
    project: Project = Path(),
    environment: Annotated[str, typer.Option(help="Whose live model scores.")] = "production",
    as_json: Json = False,
) -> None:
    """Score a file of any size with the model that is live; OUT appears when it is complete."""
    import json
    import signal
    import sys
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from gradino.operate.project import load
    from gradino.operate.serving.batch import score_file

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: the unfinished file goes
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=None)
        batch = score_file(load(project), given, out, environment, lambda rows: progress.update(task, completed=rows))
    if as_json:
        print(json.dumps(asdict(batch)))
    else:
        print(f"v{batch.version} scored {batch.rows:,} rows into {out} ({batch.evaluator})")
