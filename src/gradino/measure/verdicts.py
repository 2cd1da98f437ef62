"""From evidence to rungs, tracks and levels: pure arithmetic, no source is read here."""

from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from gradino.maturity import Model, Rung, Track
from gradino.measure.evidence import Evidence, Strength


class Verdict(StrEnum):
    """Unknown is never dropped and never counts as pass."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class Interval(msgspec.Struct, frozen=True):
    """A level three times: what is set up, what was seen to work, and if every unknown turned out well."""

    wired: int
    proven: int
    possible: int


@dataclass(frozen=True, slots=True)
class RungResult:
    """One rung, judged. `shown` is the highest level that its evidence is strong enough for."""

    rung: Rung
    verdict: Verdict
    strength: Strength
    evidence: tuple[Evidence, ...]
    shown: int


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One track: its rungs from the lowest, and its level."""

    track: Track
    rungs: tuple[RungResult, ...]
    level: Interval


# The level that evidence of a strength can show: level 4 wants a drill on top of what works.
_SHOWS = {Strength.WIRED: 1, Strength.EXECUTED: 2, Strength.EFFECTIVE: 3, Strength.PROVEN: 4}

# No file can show these: without evidence they are unknown, not failed.
_RARELY_VISIBLE = ("people.", "integration.independence", "operations.learning")


def judge(
    model: Model, evidence: dict[str, list[Evidence]], blind: bool = False, beside: tuple[str, ...] = ()
) -> list[TrackResult]:
    """Judge every track. `evidence` is keyed by track@level of the default model; `blind`: nothing could be read;
    `beside` names tracks (by prefix) that this kind of repository need not climb: what they lack is not-applicable.
    """
    judged = [_track(track, evidence, blind) for track in model.tracks]
    return [_aside(r) if r.track.id.startswith(beside) else r for r in judged] if beside else judged


def _aside(result: TrackResult) -> TrackResult:
    missing = (Verdict.FAIL, Verdict.UNKNOWN)
    rungs = (replace(r, verdict=Verdict.NOT_APPLICABLE) if r.verdict in missing else r for r in result.rungs)
    return replace(result, rungs=tuple(rungs))


def _track(track: Track, evidence: dict[str, list[Evidence]], blind: bool) -> TrackResult:
    judged = [_rung(track, r, evidence, blind) for r in track.rungs]
    best = max((i for i, r in enumerate(judged) if r.verdict is Verdict.PASS), default=0)
    lifted = [
        r
        if i > best or r.verdict is Verdict.PASS
        else RungResult(r.rung, Verdict.PASS, judged[best].strength, r.evidence, r.rung.level)
        for i, r in enumerate(judged)
    ]
    wired = lifted[best].rung.level
    shown = [min(r.rung.level, r.shown) for r in judged if r.verdict is Verdict.PASS]
    proven = max(shown)
    possible = wired
    for i, result in enumerate(lifted):
        if i > best and result.verdict is not Verdict.UNKNOWN:
            break
        possible = max(possible, result.rung.level)
    return TrackResult(track, tuple(lifted), Interval(wired, min(proven, wired), possible))


def _rung(track: Track, rung: Rung, evidence: dict[str, list[Evidence]], blind: bool) -> RungResult:
    if rung is track.rungs[0]:
        return RungResult(rung, Verdict.PASS, Strength.NONE, (), rung.level)
    keys = rung.shown_by or (f"{track.id}@{rung.level}",)
    per_key = [evidence.get(k, []) for k in keys]
    strength = min(
        (max((e.strength for e in found), default=Strength.NONE) for found in per_key), default=Strength.NONE
    )
    shown = tuple(sorted((e for found in per_key for e in found), key=lambda e: (-e.strength, e.locator, e.says)))
    if strength >= Strength.WIRED:
        cap = _SHOWS[strength]
        if strength is Strength.EFFECTIVE and not track.proof:
            cap = 4  # no drill can show people's work
        return RungResult(rung, Verdict.PASS, strength, shown, min(rung.level, cap))
    hidden = blind or any(track.id.startswith(p) for p in _RARELY_VISIBLE) or any(e.open for e in shown)
    return RungResult(rung, Verdict.UNKNOWN if hidden else Verdict.FAIL, strength, shown, 0)


def lowest(levels: list[Interval]) -> Interval:
    """The lowest of each of the three; zero of nothing."""
    if not levels:
        return Interval(0, 0, 0)
    return Interval(min(x.wired for x in levels), min(x.proven for x in levels), min(x.possible for x in levels))
