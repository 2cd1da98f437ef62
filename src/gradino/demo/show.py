"""What the demo shows in the terminal: one timeline, one bar, and a summary that a newcomer understands."""

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

_SIGNS = {
    "data": ("▤", "cyan"),
    "run": ("⚙", "blue"),
    "gate": ("▣", "blue"),
    "release": ("✗", "red"),
    "experiment": ("⇄", "magenta"),
    "deployment": ("★", "green"),
    "alarm": ("▲", "red"),
    "retraining": ("↻", "yellow"),
    "incident": ("!", "red"),
    "service": ("!", "yellow"),
}


class Show:
    """`bar` is a context: what is shown runs inside it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (SpinnerColumn(), BarColumn(28), TextColumn("{task.description}"), TimeElapsedColumn())
        self.bar = Progress(*columns, console=console, transient=True)
        self._task = self.bar.add_task("starting: the first model takes a while", total=None)

    def opening(self, real: bool, file: Path | None, counts: pd.DataFrame) -> None:
        """Say plainly which rides these are."""
        what = (
            f"[bold green]real rides[/] from {file}" if real else "[bold yellow]simulated rides[/] (seeded; not real)"
        )
        self._console.print(f"[bold]gradino demo[/]  {what}: {len(counts):,} hours of 2011 and 2012\n")

    def addresses(self, port: int, page: int) -> None:
        self._console.print(f"  [dim]scoring http://127.0.0.1:{port}   page [/][bold]http://127.0.0.1:{page}[/]\n")

    def progress(self, day: int, days: int, says: str) -> None:
        self.bar.update(self._task, total=days, completed=day, description=says)

    def event(self, event: Any) -> None:
        """One line of the timeline."""
        sign, colour = _SIGNS.get(event.kind, ("·", "white"))
        if event.kind == "gate" and event.detail.get("verdict") != "pass":
            colour = "red"
        when = f"{event.event_time:%Y-%m-%d}" if event.event_time else " " * 10
        line = f"[dim]{when}[/]  [{colour}]{sign} {event.kind:<10}[/] {escape(event.title)}"
        reason = event.detail.get("reason")
        if reason and event.kind in ("deployment", "release"):
            line += f" [dim]– {escape(reason)}[/]"
        self._console.print(line)

    def closing(self, folder: Path, summary: dict[str, Any], kept: int | None) -> None:
        """What happened, in words; `kept` is the process that goes on running."""
        rows = {
            "rides": f"{summary['data']}; {summary['quarantined_rows']} rows put in quarantine",
            "requests": f"{summary['requests']:,}, of which {summary['failed_requests']} failed",
            "harm alarms": f"{summary['alarms']}",
            "trainings": f"{summary['retrains']} after the first, decided by cost and evidence",
            "promotions": f"{summary['promotions']}, each after a proof on live traffic",
            "kept out": f"{summary['refused']} models: refused by a gate, or not shown to be better",
            "trace": "one prediction back to raw rows, every hash recomputed: "
            + ("they match" if summary["trace_verified"] else "[red]they do not match[/]"),
            "level": f"{summary['level']} without people, by evidence: gradino assess {folder.name}",
            "took": f"{summary['seconds']:.0f} s, at most {summary['peak_mb']:,} MB",
        }
        table = Table.grid(padding=(0, 2))
        for name, value in rows.items():
            table.add_row(f"[dim]{name}[/]", value)
        self._console.print(Padding(table, (1, 0, 1, 2)))
        self._console.print(f"  the page: {folder}/report.html")
        after = f"it goes on; stop it with: kill {kept}" if kept else f"go on with it: gradino up {folder}"
        self._console.print(f"  {after}")
