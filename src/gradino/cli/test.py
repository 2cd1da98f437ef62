"""`gradino test`: the gates alone, without a release."""

from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Json


def run(
    version: Annotated[str, typer.Argument(help="A version such as v3.", show_default="the newest")] = "",
    project: Annotated[Path, typer.Option(help="The project.", show_default="here")] = Path(),
    gate: Annotated[list[str] | None, typer.Option(help="Only this gate; may be repeated.", show_default="all")] = None,
    as_json: Json = False,
) -> None:
    """Put a version through the gates of a release, against the champion; nothing is recorded or deployed.

    Exit code 1 when one is not passed. Unlike a release it goes on after that, so all that is wrong is seen at once.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape

    from gradino.errors import ReleaseError
    from gradino.operate import release
    from gradino.operate.project import load
    from gradino.operate.store import Store

    checked = load(project)
    store = Store.of(checked.root)
    gates = release.chosen(checked)
    unknown = [name for name in gate or () if name not in gates]
    if unknown:
        raise ReleaseError(f"there is no gate `{unknown[0]}`", f"there are: {', '.join(gates)}")
    candidate = release.Candidate.named(checked, store, version)
    console, found = Console(highlight=False), {}
    with release.one_server():
        for name in gate or gates:
            with Console(stderr=True).status(f"{name} of v{candidate.version}"):
                result = found[name] = release.judge(gates[name], candidate)
            if not as_json:
                sign = {"pass": "[green]✓[/]", "fail": "[red bold]✗[/]"}.get(result.verdict, "[yellow]?[/]")
                console.print(f"{sign} [bold]{escape(name):<12}[/] {escape(result.says)}", soft_wrap=True)
                advice = " ".join((gates[name].__doc__ or "").split())
                if result.verdict != "pass" and advice:
                    console.print(f"    [dim]{escape(advice)}[/]", soft_wrap=True)
    passed = all(result.verdict == "pass" for result in found.values())
    if as_json:
        told = [{"gate": name, **asdict(result)} for name, result in found.items()]
        print(json.dumps({"version": candidate.version, "passed": passed, "gates": told}, default=str))
    if not passed:
        raise typer.Exit(1)
