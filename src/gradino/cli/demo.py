"""`gradino demo`: the main job, on real bike rides."""

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gradino.cli.common import Json

FOLDER = Path("gradino-demo")


def demo(
    data: Annotated[Path | None, typer.Option(help="The UCI Bike Sharing file hour.csv.", show_default=False)] = None,
    as_json: Json = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the project, its server and its page running.")] = False,
) -> None:
    """Watch a level-4 project live through two years of bike rides, in a few minutes.

    It is written to ./gradino-demo and operated there. Without --data the original file is offered for download, and
    a simulated town stands in where that is not wanted or possible.
    """
    from rich.console import Console

    from gradino.demo import feed, simulator
    from gradino.demo.memory import Peak
    from gradino.demo.show import Show
    from gradino.demo.story import Town

    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.default_int_handler)
    console = Console(stderr=as_json, highlight=False)
    began, peak = time.monotonic(), Peak()
    file = data or _download(console)
    counts = feed.read(file) if file else simulator.simulate()
    real = file is not None
    _clear(FOLDER)
    show = Show(console)
    with show.bar:
        show.opening(real, file, counts)
        town = Town.settle(FOLDER.resolve(), counts, tell=show.event, progress=show.progress)
        try:
            town.up(keep)
            show.addresses(town.port, town.page)
            town.live()
            summary: dict[str, Any] = {"data": "real" if real else "simulated", **town.summary()}
        except BaseException:
            town.down()
            raise
        if not keep:
            town.down()
    peak.stop()
    summary |= {"seconds": round(time.monotonic() - began, 1), "peak_mb": round(peak.megabytes)}
    show.closing(FOLDER, summary, town.process.pid if keep else None)
    if as_json:
        print(json.dumps(summary))
    if summary["failed_requests"]:
        raise typer.Exit(1)


def _download(console: Any) -> Path | None:
    """Offer the original; None when nobody is there to ask, or it cannot be had."""
    if not sys.stdin.isatty():
        return None
    from gradino.demo import original

    cached = original.cached()
    if cached:
        return cached
    if not typer.confirm(
        f"Download the original rides (280 kB) from {original.HOST}? No: a simulated town", default=True
    ):
        return None
    return original.download(console)


def _clear(folder: Path) -> None:
    """Make room for a new demo; whatever is no demo of ours stays."""
    from gradino.errors import ProjectError
    from gradino.operate.store import Store
    from gradino.operate.store.lock import sole

    if not folder.exists():
        return
    if not (folder / "gradino.toml").exists() or not (folder / "feed").exists():
        raise ProjectError(f"./{folder} exists and is not from an earlier demo", "move it away, or start elsewhere")
    with sole(Store.of(folder).root / "up.lock", "an earlier demo still runs: stop that process first"):
        shutil.rmtree(folder)
