"""Recorded values in words: numbers, dates, and one sentence for each release."""

import math
from datetime import date as Date  # noqa: N812
from datetime import datetime

from gradino.console.story import Experiment, Release

_OUTCOMES = {
    "candidate": "in the gates",
    "refused": "refused",
    "challenger": "on trial",
    "rejected": "rejected",
    "champion": "champion",
    "retired": "retired",
}


def number(value: float | None, digits: int = 3) -> str:
    """12,345 · 41.3 · 0.0213: as many digits as help."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace("-", "−")
    if abs(value) < 1e-4:
        return f"{value:.0e}".replace("-", "−")
    places = digits - 1 - math.floor(math.log10(abs(value)))
    shown = f"{value:,.{places}f}"
    return (shown.rstrip("0").rstrip(".") if value == int(value) else shown).replace("-", "−")


def percent(share: float | None, digits: int = 1) -> str:
    """98.6 %, and never 100 % for what is not all."""
    if share is None:
        return "–"
    shown = round(share * 100, digits)
    if shown >= 100 and share < 1:
        shown = 100 - 10**-digits
    return f"{shown:.{0 if shown == int(shown) else digits}f} %"


def change(value: float, reference: float) -> str:
    """+12 % or −3 %: `value` against `reference`."""
    return f"{(value / reference - 1) * 100:+.0f} %".replace("-", "−") if reference else "–"


def counted(amount: int, noun: str) -> str:
    """1 label, 2 labels."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def hours(value: float) -> str:
    """20 min, 5 h, 3 days."""
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.0f} h" if value < 48 else f"{value / 24:.0f} days"


def milliseconds(seconds: float | None) -> str:
    """2.4 ms, 38 ms."""
    return "–" if seconds is None else f"{number(seconds * 1000, 2)} ms"


def date(when: "datetime | Date | None") -> str:
    """14 Oct 2012."""
    return f"{when.day} {when:%b %Y}" if when else "–"


def moment(when: datetime | None) -> str:
    """14 Oct 2012, 15:00."""
    return f"{date(when)}, {when:%H:%M}" if when else "–"


def outcome(release: Release) -> str:
    """The one word on a release's badge."""
    if release.status == "challenger" and release.weight:
        return f"answers {percent(release.weight, 0)}"
    return _OUTCOMES.get(release.status, release.status)


def sentence(release: Release) -> str:
    """What happened to a release, in one sentence, with the guarantee where one was reached."""
    own, other, found = f"v{release.version}", f"v{release.champion}", release.experiment
    if release.status == "refused":
        return f"{own} never met live traffic: a gate refused it."
    if release.champion is None:
        return f"{own} is in the gates." if release.verdict is None else f"{own} needed the gates only."
    if found is None:
        return f"{own} listens beside {other}; no label has come yet."
    labels, risk = counted(found.n, "label"), f"wrong with probability ≤ {percent(found.alpha)}"
    if release.verdict == "pass" and found.evidence >= found.threshold:
        word = "promoted" if release.stage in ("probation", "done") else "on its way"
        return f"{own} beats {other}: {word} after {labels}; {risk}."
    if release.verdict == "fail" and found.against >= found.threshold:
        return f"{own} is worse than {other}: rejected after {labels}; {risk}."
    if release.verdict is None:
        return f"{own} listens beside {other}: {number(found.evidence)} of {number(found.threshold)} after {labels}."
    pair = f"{own} against {other}"
    return f"{pair}, {labels}: {(release.reason or '').removeprefix(f'{pair}: ')}."


def difference(found: Experiment) -> str:
    """The mean difference in loss, with its sign in words."""
    if math.isnan(found.mean):
        return "no label yet"
    return f"{number(abs(found.mean))} {'less' if found.mean >= 0 else 'more'} loss per prediction"


def retraining(champion: int, avoided: float, cost: float, outcome: str | None, gained: float | None) -> str:
    """What a retraining was expected to bring and what its release found; loss per prediction, in the target's unit."""
    expected = f"to avoid {number(avoided)} of v{champion}'s loss per prediction at a cost of {number(cost)}"
    return f"{expected}: " + ("under way" if gained is None else f"{outcome}, gained {number(gained)}")
