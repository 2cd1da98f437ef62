"""The command line: arguments in, one call into `measure` or `operate`, text or `--json` out. No rule lives here.

Each command is a file; it imports what it needs when it is called, so that `--help` stays instant.
Exit codes: 0 done, 1 a check said no, 2 wrong input or it cannot be done, 130 interrupted.
"""

import sys

import typer

from gradino.cli import (
    alerts,
    assess,
    data,
    decisions,
    demo,
    drift,
    incidents,
    init,
    interview,
    plan,
    release,
    replay,
    reproduce,
    rollback,
    runs,
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
for _command in (
    assess.assess,
    plan.plan,
    interview.interview,
    demo.demo,
    init.init,
    up.up,
    status.status,
    drift.drift,
    alerts.alerts,
    train.train,
    runs.runs,
    reproduce.reproduce,
    release.release,
    rollback.rollback,
    replay.replay,
    decisions.decisions,
    verify.verify,
    trace.trace,
):
    app.command()(_command)
app.command("test")(test.run)
app.add_typer(incidents.app, name="incidents")
app.add_typer(data.app, name="data")
app.add_typer(token.app, name="token")


@app.callback()
def _root() -> None: ...


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
