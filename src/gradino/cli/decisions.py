"""`gradino decisions`: what was decided, and the certificate of each."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json


def decisions(
    identity: Annotated[str, typer.Argument(metavar="[ID]", help="The beginning of one decision's id.")] = "",
    project: Annotated[Path, typer.Option(help="The project.", show_default="here")] = Path(),
    export: Annotated[Path | None, typer.Option(help="Write it here, with all that `gradino verify` needs.")] = None,
    newest: Annotated[int, typer.Option(help="How many to list.", min=1)] = 20,
    as_json: Json = False,
) -> None:
    """List the signed decisions – gates, experiments, retrainings, roll backs –, show one, or export it."""
    import json

    from rich.console import Console
    from rich.markup import escape

    from gradino.errors import EvidenceError
    from gradino.operate import release
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.store import state as s

    checked = load(project)
    store, console = Store.of(checked.root), Console(highlight=False)
    if export and not identity:
        raise EvidenceError("which decision is to be exported?", "name it: gradino decisions ID --export FILE")
    if export:
        export.write_bytes(release.verify.export(checked, store, identity))
        print(json.dumps({"file": str(export)}) if as_json else f"{export}: check it with `gradino verify {export}`")
    elif identity:
        row = release.verify.find(store, identity)
        if as_json:
            print(json.dumps({"id": row.id, "certificate": row.certificate, "signature": row.signature}))
        else:
            console.print(f"[bold]{row.id}[/]")
            console.print_json(data=row.certificate)
    else:
        rows = sorted(store.state.rows(s.decisions), key=lambda row: row.at)[-newest:]
        told = [
            {"id": row.id, "kind": row.kind, "subject": row.subject, "verdict": row.verdict, "at": row.at.isoformat()}
            | {"event_time": row.certificate["event_time"], "reasons": row.certificate["reasons"]}
            for row in rows
        ]
        if as_json:
            print(json.dumps(told))
            return
        if not told:
            console.print("none yet: `gradino up` makes them as it goes")
        for row in told:
            colour = {"pass": "green", "fail": "red"}.get(row["verdict"], "yellow")
            when = (row["event_time"] or row["at"])[:10]
            head = f"[dim]{row['id'][:12]} {when}[/] {row['kind']:<10} {escape(row['subject']):<12}"
            console.print(f"{head} [{colour}]{row['verdict']}[/] {escape('; '.join(row['reasons']))}", soft_wrap=True)
