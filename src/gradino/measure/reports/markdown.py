"""The assessment, and a plan, as Markdown."""

from gradino import maturity
from gradino.maturity import Language
from gradino.measure.assessment import Assessment
from gradino.measure.plan import Plan
from gradino.measure.reports.words import WORDS, shared


def report(assessment: Assessment, language: Language = "en") -> str:
    """One table of tracks, then what is missing."""
    model, say = maturity.load(assessment.model), WORDS[language]
    level = assessment.level
    summary = f"{say['without people']}: **{level.technical.wired}** · {say['seen to work']}: {level.technical.proven}"
    summary += f" · {say['at best']}: {level.technical.possible}"
    lines = [
        f"# {_plain(assessment.subject.name)}: {say['level']} {level.wired}",
        "",
        f"{model.title.in_(language)} · {assessment.subject.kind} · `{assessment.subject.commit[:12] or '–'}`  ",
        summary,
        "",
        f"| {say['track']} | {say['set up']} | {say['seen to work']} | {say['at best']} | {say['evidence']} |",
        "|---|---|---|---|---|",
    ]
    for track in assessment.tracks:
        held = [r for r in track.rungs if r.verdict == "pass"][-1]
        first = held.evidence[0] if held.evidence else None
        shown = f"{_plain(first.says)} (`{_plain(first.locator)}`)" if first else ""
        words = model.track(track.id)
        name = f"{model.dimensions[words.dimension].in_(language)}: {words.name.in_(language)}"
        lines.append(f"| {name} | {track.level.wired} | {track.level.proven} | {track.level.possible} | {shown} |")
    lines += ["", f"## {say['gaps']}", ""]
    for gap in assessment.gaps:
        words = model.track(gap.track)
        rung = next(r for r in words.rungs if r.level == gap.next)
        exempt = f" *({say['exempt']}: {_plain(gap.exempt)})*" if gap.exempt else ""
        head = f"- **{words.name.in_(language)}** {gap.held} → {gap.next}: {rung.says.in_(language)}"
        claimed = f" *({say['claimed']}: `{_plain(gap.claimed)}`)*" if gap.claimed else ""
        lines.append(f"{head} {rung.criterion.in_(language)}{exempt}{claimed}")
    return "\n".join(lines) + "\n"


def portfolio(assessments: list[Assessment], common: tuple[str, int, int], language: Language = "en") -> str:
    """A table of projects × tracks, its key, and the gap that most of them share."""
    model, say = maturity.load(assessments[0].model), WORDS[language]
    numbers = range(1, len(model.tracks) + 1)
    lines = [
        f"# {say['projects']}: {len(assessments)}",
        "",
        f"| {say['projects']} | {' | '.join(map(str, numbers))} | {say['level']} |",
        f"|---|{'---|' * (len(numbers) + 1)}",
    ]
    for found in assessments:
        levels = " | ".join(str(track.level.wired) for track in found.tracks)
        lines.append(f"| {_plain(found.subject.name)} | {levels} | **{found.level.technical.wired}** |")
    lines += ["", *(f"{n}. {track.name.in_(language)}" for n, track in zip(numbers, model.tracks, strict=True))]
    if gap := shared(common, len(assessments), model, language):
        lines += ["", f"**{say['common']}**: {gap}"]
    return "\n".join(lines) + "\n"


def plan(made: Plan, language: Language = "en") -> str:
    """A section per increment."""
    say, model = WORDS[language], maturity.load()
    lines = [f"# {say['plan']}: {_plain(made.subject)} → {made.to}", ""]
    if not made.increments:
        lines.append(say["nothing left"])
    for increment in made.increments:
        days = f"{increment.days[0]}–{increment.days[1]} {say['days']}"
        lines += [f"## {say['increment']} {increment.number} ({say['level'].lower()} {increment.level}): {days}", ""]
        for item in increment.items:
            try:
                name = model.track(item.track).name.in_(language)
            except KeyError:
                name = item.track
            lines += [
                f"### {name} {item.held} → {item.level}",
                "",
                item.says,
                "",
                f"- {say['deliverable']}: {item.deliverable}",
                f"- {say['done when']}: {item.criterion} `{item.check}`",
                f"- {say['roles']}: {', '.join(item.roles)}; {item.days[0]}–{item.days[1]} {say['days']}",
                f"- {say['files']}: {', '.join(f'`{_plain(f)}`' for f in item.files) or '–'}",
                "",
            ]
    lines += [f"{made.days[0]}–{made.days[1]} {say['days']}: " + "; ".join(made.assumes) + ".", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text of the measured project without anything that Markdown would act on."""
    return "".join("\\" + c if c in "|<>[]*_`" else c for c in text.replace("\n", " "))
