"""The command line: arguments in, one call into `measure` or `operate`, text or `--json` out. No rule lives here.

Each command is a file; it imports what it needs when it is called, so that `--help` stays instant.
Exit codes: 0 done, 1 a check said no, 2 wrong input or it cannot be done, 3 a drill could not say, 130 interrupted.
"""

import sys
from typing import Annotated

import typer

from gradino.cli import (
    alerts,
    assess,
    climb,
    data,
    decisions,
    demo,
    drift,
    drill,
    incidents,
    init,
    interview,
    plan,
    release,
    replay,
    reproduce,
    rollback,
    runs,
    score,
    status,
    test,
    token,
    trace,
    train,
    up,
    verify,
)
from gradino.errors import GradinoError

app = typer.Typer(
    name="gradino",
    help="The MLOps maturity model, executable: measure a project's level, climb, operate at level 4, prove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = {
    "Measure": (assess.assess, plan.plan, climb.climb, interview.interview),
    "Run a project": (
        init.init,
        up.up,
        status.status,
        train.train,
        runs.runs,
        release.release,
        rollback.rollback,
        score.score,
    ),
    "Watch": (drift.drift, alerts.alerts),
    "Check": (trace.trace, decisions.decisions, verify.verify, reproduce.reproduce),
    "Prove": (drill.drill,),
    "Try": (demo.demo, replay.replay),
}
for _group, _members in _COMMANDS.items():
    for _command in _members:
        app.command(rich_help_panel=_group)(_command)
app.command("test", rich_help_panel="Check")(test.run)
app.add_typer(data.app, name="data", rich_help_panel="Run a project")
app.add_typer(token.app, name="token", rich_help_panel="Run a project")
app.add_typer(incidents.app, name="incidents", rich_help_panel="Watch")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gradino {version('gradino')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line; turn a `GradinoError` into two lines on stderr and its exit code."""
    try:
        app()
    except GradinoError as error:
        from rich.console import Console
        from rich.markup import escape

        console = Console(stderr=True, highlight=False)
        console.print(f"[red bold]✗[/] {escape(error.what)}", soft_wrap=True)
        if error.next:
            console.print(f"  [dim]→[/] {escape(error.next)}", soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
