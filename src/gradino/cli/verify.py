"""`gradino verify`: an exported decision, decided again."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json


def verify(
    file: Annotated[Path, typer.Argument(help="What `gradino decisions ID --export FILE` wrote.")],
    key: Annotated[Path | None, typer.Option(help="The signer's public key (PEM), known from elsewhere.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute a decision from the losses in its file: id, signature, rows, evidence, verdict. Needs no project.

    Exit code 1 when something does not agree: the line says what.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape

    from gradino.errors import EvidenceError
    from gradino.operate import release

    try:
        content, trusted = file.read_bytes(), key.read_bytes() if key else None
    except OSError as error:
        raise EvidenceError(f"{error.filename} cannot be read: {error.strerror}", "give an exported decision") from None
    told = release.verify.read(content)
    checks = release.verify.check(told, trusted)
    agrees = all(check.agrees for check in checks)
    if as_json:
        print(json.dumps({"agrees": agrees, "id": told.id, "checks": [asdict(check) for check in checks]}))
    else:
        console = Console(highlight=False)
        for check in checks:
            sign = "[green]✓[/]" if check.agrees else "[red bold]✗[/]"
            console.print(f"{sign} [bold]{check.name:<10}[/] {escape(check.says)}", soft_wrap=True)
        console.print("the decision follows from what is in the file" if agrees else "[red]it does not agree[/]")
    if not agrees:
        raise typer.Exit(1)
