"""The ladder one takes in at a glance, then the next increment."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gradino import maturity
from gradino.maturity import Language
from gradino.measure.assessment import Assessment, TrackLevel
from gradino.measure.plan import Plan
from gradino.measure.plan import plan as order
from gradino.measure.reports.words import WORDS, shared
from gradino.measure.trend import Point
from gradino.measure.verdicts import Interval

_COLOURS = ("red", "dark_orange", "yellow", "green3", "bright_green")


def ladder(assessment: Assessment, language: Language = "en", evidence: bool = False) -> RenderableType:
    """The whole assessment for a terminal; with `evidence`, every finding with its place."""
    model, say = maturity.load(assessment.model), WORDS[language]
    table = Table(box=None, padding=(0, 1), show_header=False, pad_edge=False)
    table.add_column(min_width=31)
    table.add_column()
    table.add_column(overflow="fold")
    for dimension, name in model.dimensions.items():
        table.add_row(Text(name.in_(language), style="bold"), _bar(assessment.dimensions[dimension], model.top), "")
        for track in (t for t in assessment.tracks if model.track(t.id).dimension == dimension):
            table.add_row(
                "  " + model.track(track.id).name.in_(language),
                _bar(track.level, model.top),
                _why(track, model, language),
            )
            if evidence:
                for line in _findings(track):
                    table.add_row("", "", line)
    head = Text.assemble(
        (assessment.subject.name, "bold"),
        ("  " + assessment.subject.kind, "dim"),
        ("  " + assessment.subject.commit[:12], "dim"),
    )
    level = assessment.level
    total = Text.assemble(
        (f"{say['level']} ", "bold"), _number(level.wired), f"  {model.levels[level.wired].name.in_(language)}   ",
        (f"{say['without people']} ", "bold"), _number(level.technical.wired),
        (f"   {say['seen to work']} {level.technical.proven} · {say['at best']} {level.technical.possible}", "dim"),
    )  # fmt: skip
    key = Text.assemble(
        ("■", "green3"),
        f" {say['seen to work']}  ",
        ("■", "cyan"),
        f" {say['set up']}  ",
        ("□", "dim"),
        f" {say['at best']}  ",
        ("·", "dim"),
        f" {say['missing']}",
    )
    parts: list[RenderableType] = [head, Text(), table, Text(), total, key]
    if assessment.subject.projects:
        inside = f"{say['projects']}: {', '.join(assessment.subject.projects)} (--each)"
        parts.append(Text(inside, style="dim"))
    claimed = [f"{model.track(g.track).name.in_(language)} {g.claimed}" for g in assessment.gaps if g.claimed]
    if claimed:
        parts.append(Text(f"{say['claimed']}: {', '.join(claimed)}", style="dim"))
    if assessment.notes:
        parts.append(Text(f"{len(assessment.notes)} {say['notes']}: {assessment.notes[0]}", style="dim"))
    following = _next(assessment, model, language)
    return Group(*parts, Text(), following) if following else Group(*parts)


def _bar(level: Interval, top: int) -> Text:
    text = Text()
    for step in range(1, top + 1):
        if step <= level.proven:
            text.append("■", "green3")
        elif step <= level.wired:
            text.append("■", "cyan")
        elif step <= level.possible:
            text.append("□", "dim")
        else:
            text.append("·", "dim")
        text.append(" ")
    return text.append(f"{level.wired}", _COLOURS[min(level.wired, 4)])


def _number(level: int) -> tuple[str, str]:
    return str(level), f"bold {_COLOURS[min(level, 4)]}"


def _why(track: TrackLevel, model: maturity.Model, language: Language) -> Text:
    words = model.track(track.id)
    held = max((i for i, r in enumerate(track.rungs) if r.verdict == "pass"), default=0)
    said = words.rungs[held].says.in_(language)
    finding = track.rungs[held].evidence[:1]
    where = f"  {finding[0].locator}" if finding else ""
    return Text.assemble((said, ""), (where, "dim"))


def _findings(track: TrackLevel) -> list[Text]:
    return [
        Text.assemble((f"{e.strength:9} ", "dim"), (e.locator, "cyan"), f"  {e.says}")
        for rung in track.rungs
        for e in rung.evidence[:4]
    ]


def _next(assessment: Assessment, model: maturity.Model, language: Language) -> Text | None:
    """What the plan begins with: the first technical step, if there is one."""
    items = [item for increment in order(assessment, language=language).increments for item in increment.items]
    if not items:
        return None
    first = next((item for item in items if not item.track.startswith("people.")), items[0])
    return Text.assemble(
        (f"{WORDS[language]['next']}: ", "bold"),
        f"{model.track(first.track).name.in_(language)}: {first.says}\n",
        (f"  {first.criterion}", "dim"),
    )


def heat_map(assessments: list[Assessment], common: tuple[str, int, int], language: Language = "en") -> RenderableType:
    """Projects × tracks, and the gap that most of them share."""
    model, say = maturity.load(assessments[0].model), WORDS[language]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(say["projects"], no_wrap=True)
    for number, _ in enumerate(model.tracks, 1):
        table.add_column(str(number), justify="right")
    table.add_column(say["level"], justify="right")
    for found in assessments:
        cells = [Text(str(t.level.wired), _COLOURS[min(t.level.wired, 4)]) for t in found.tracks]
        table.add_row(found.subject.name, *cells, Text(str(found.level.technical.wired), "bold"))
    key = Text("  ".join(f"{n} {t.name.in_(language)}" for n, t in enumerate(model.tracks, 1)), style="dim")
    parts: list[RenderableType] = [table, Text(), key]
    if gap := shared(common, len(assessments), model, language):
        parts += [Text(), Text.assemble((f"{say['common']}: ", "bold"), gap)]
    return Group(*parts)


def plan(made: Plan, language: Language = "en") -> RenderableType:
    """Increments, one block each."""
    say = WORDS[language]
    parts: list[RenderableType] = [Text(f"{say['plan']}: {made.subject} → {made.to}", style="bold")]
    if not made.increments:
        parts.append(Text(say["nothing left"]))
    for increment in made.increments:
        days = f"{increment.days[0]}–{increment.days[1]} {say['days']}"
        parts += [
            Text(),
            Text(f"{say['increment']} {increment.number} · {say['level'].lower()} {increment.level} · {days}", "cyan"),
        ]
        for item in increment.items:
            parts += [
                Text.assemble((f"  {item.track} {item.held} → {item.level}  ", "bold"), item.says),
                Text(f"    {say['deliverable']}: {item.deliverable}"),
                Text(f"    {say['roles']}: {', '.join(item.roles)}; {item.days[0]}–{item.days[1]} {say['days']}"),
                Text(f"    {say['done when']}: {item.check}", style="dim"),
            ]
            if item.files:
                parts.append(Text(f"    {say['files']}: {', '.join(item.files)}", style="dim"))
    parts += [Text(), Text(f"{made.days[0]}–{made.days[1]} {say['days']}: {'; '.join(made.assumes)}.", style="dim")]
    return Group(*parts)


def timeline(
    points: list[Point], falls: list[tuple[str, int, int, Point]], language: Language = "en"
) -> RenderableType:
    """Levels over commits, and where one fell."""
    say = WORDS[language]
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for name in ("", "", say["level"], "Σ", ""):
        table.add_column(name)
    for point in points:
        table.add_row(point.date, point.commit[:10], str(point.level), str(sum(point.tracks.values())), point.title)
    fallen = [
        Text(f"{track} {say['fell']} {was} → {now} ({at.commit[:10]} {at.title})", style="red")
        for track, was, now, at in falls
    ]
    return Group(Text(say["history"], style="bold"), table, *fallen)
