"""A climb for a terminal: the new files as a difference, then what rises and what is left to people."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gradino.measure.climb.ascent import Climb, File, Left

_NEXT = 4  # rungs that are explained where nothing can be written


def difference(files: Sequence[File]) -> RenderableType:
    """New files as git shows them."""
    lines: list[Text] = []
    for file in files:
        lines.append(Text(f"{file.path}   {file.does}", "bold"))
        if file.there:
            lines.append(Text("  there already, word for word; commit it", "dim"))
            continue
        lines += [Text("--- /dev/null", "dim"), Text(f"+++ b/{file.path}", "dim")]
        lines += [Text(f"+{line}", "green") for line in file.text.splitlines()]
        lines.append(Text())
    return Group(*lines)


def outcome(made: Climb) -> RenderableType:
    """What rises with the files, what they still need, and which rungs of the increment are for people."""
    parts: list[Text] = []
    for rung in made.rose:
        by = ", ".join(rung.files)
        rise = f"{rung.was} → {rung.now}"
        parts.append(
            Text.assemble(
                ("▲ ", "green3"), (f"{rung.track} {rung.held} → {rung.level}", "bold"), f"  {rise}  ", (by, "dim")
            )
        )
    if made.todo:
        parts += [Text(), Text("These files still need", "bold"), *(Text(f"  {x}") for x in made.todo)]
    if made.left:
        parts += [
            Text(),
            Text(f"Left of increment {made.increment}", "bold"),
            *(x for one in made.left for x in _left(one)),
        ]
    if made.passed and made.files:
        parts += [Text(), Text("Before it, for people", "bold"), *(x for one in made.passed for x in _left(one, True))]
    elif made.passed:
        parts += [Text("Nothing can be written. What comes next is for people", "bold")]
        parts += [x for one in made.passed[:_NEXT] for x in _left(one)]
        parts += [Text(f"… and {len(made.passed) - _NEXT} more: gradino plan")] if len(made.passed) > _NEXT else []
    if not parts:
        parts.append(Text("Nothing is left to climb up to this level."))
    return Group(*parts)


def _left(one: Left, brief: bool = False) -> list[Text]:
    head = Text.assemble(("· ", "dim"), (f"{one.track} {one.level}  ", "bold"), one.says)
    if brief:
        return [head]
    return [head, Text(f"    {one.why}"), Text(f"    done when: {one.criterion} {one.check}", "dim")]
