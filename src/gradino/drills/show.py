"""What the drills show in the terminal: each line as it happens, and one table at the end."""

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gradino.drills.course import Course, Faces
from gradino.drills.result import Drill, Seen

_COLOURS = {"pass": "green", "fail": "red", "insufficient": "yellow"}


class Show:
    """`bar` is a context: a line that says what is under way runs inside it."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console, self._names = console, names
        self.bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
        )
        self._task = self.bar.add_task("copying the project")
        self.faces = Faces(self._begins, self._sees, self._ends, self._progress)

    def closing(self, done: Course, kept: bool) -> None:
        """All drills at one glance."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("drill", "verdict", "what happened"):
            table.add_column(name)
        table.add_column("seconds", justify="right")
        for drill in done.drills:
            verdict = f"[{_COLOURS[drill.verdict]}]{drill.verdict}[/]"
            table.add_row(f"[bold]{drill.name}[/]", verdict, escape(drill.why), f"{drill.seconds:.0f}")
        self._console.print()
        self._console.print(table)
        for change in done.left_out[:3]:
            self._console.print(f"  [yellow]not rehearsed, since it is not committed:[/] {escape(change.strip())}")
        if kept:
            self._console.print(f"  the rehearsal is kept in {done.folder}")

    def _begins(self, drill: Drill) -> None:
        number = f"{self._names.index(drill.name) + 1}/{len(self._names)}"
        self._console.print(f"\n[bold]{drill.name}[/] [dim]{number}[/]  {escape(drill.hypothesis)}")
        self._progress(drill.name)

    def _sees(self, _drill: Drill, seen: Seen) -> None:
        sign = {None: "[dim]·[/]", True: "[green]✓[/]", False: "[red bold]✗[/]"}[seen.holds]
        sign = "[magenta]⚡[/]" if seen.kind == "injected" else sign
        self._console.print(f"  [dim]{seen.at:6.1f}[/] {sign} {escape(seen.says)}", soft_wrap=True)

    def _ends(self, drill: Drill) -> None:
        self._console.print(
            f"  [{_COLOURS[drill.verdict]} bold]{drill.verdict}[/]  {escape(drill.why)}", soft_wrap=True
        )

    def _progress(self, says: str) -> None:
        self.bar.update(self._task, description=escape(says))
