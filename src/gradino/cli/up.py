"""`gradino up`: operate a project until Ctrl-C."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Folder


def up(
    project: Folder = Path(),
    port: Annotated[int, typer.Option(help="Where the scoring server answers.")] = 8000,
    page: Annotated[int, typer.Option(help="Where the page is.")] = 8001,
    workers: Annotated[int, typer.Option(help="Processes of the scoring server.", min=1)] = 1,
    standby: Annotated[
        bool, typer.Option("--standby", help="Where it is up already, take over when that ends.")
    ] = False,
) -> None:
    """Operate a project at level 4 until Ctrl-C: collect, train, test, release, serve, watch, retrain.

    Started again, it continues where it was.
    """
    from rich.console import Console
    from rich.markup import escape

    from gradino.operate.loop.supervisor import Supervisor
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.store.state import events
    from gradino.operate.training import prepare

    checked = load(project)
    store = Store.of(checked.root)
    console = Console(highlight=False)
    with _turn(store.root / "up.lock", standby, (port, page)):
        with console.status("making the locked environment"):
            python = prepare(checked, store)
        told = store.state.last(events)
        seen = told.id if told else 0

        def command(module: str, *more: str) -> list[str]:
            return [str(python), "-m", f"gradino.{module}", "--project", str(checked.root), *more]

        with Supervisor(store) as supervisor:
            serving = ("--environment", "production", "--port", str(port), "--workers", str(workers))
            supervisor.start("serving", command("operate.serving", *serving), port, checked.serving.address(port))
            supervisor.start("operator", command("operate.loop.operator", "--standby"))
            supervisor.start("page", command("console", "--port", str(page)), page)
            console.print(f"[bold]{checked.name}[/] answers at {checked.serving.address(port)}/v1/score")
            console.print(f"  its page is http://127.0.0.1:{page}   Ctrl-C stops it; nothing is lost")
            for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(stop, signal.default_int_handler)
            try:
                while True:
                    supervisor.check()
                    for event in store.state.rows(events, events.c.id > seen):
                        seen = event.id
                        console.print(f"[dim]{event.at:%H:%M:%S}[/] {event.kind:<11} {escape(event.title)}")
                    time.sleep(0.3)
            except KeyboardInterrupt:
                console.print("stopping")


@contextmanager
def _turn(file: Path, standby: bool, ports: tuple[int, int]) -> Iterator[None]:
    """Be the one `up` of this machine, with both ports free; with `standby`, wait until that is so."""
    from gradino.errors import ServiceError
    from gradino.operate.loop.supervisor import free
    from gradino.operate.store.lock import sole

    advice = "it is up already: see `gradino status`, stop that process first, or wait for it with --standby"
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(sole(file, advice))
                for port in ports:
                    free(port)
                break
            except ServiceError:
                held.close()
                if not standby:
                    raise
                time.sleep(0.5)
        yield
