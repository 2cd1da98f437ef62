"""What people state in reviewable files of the repository: attestations and exemptions.

`gradino-attestations.toml` holds `[[attestation]]` tables: track, level, person, role, date, link, expires. It counts
only on tracks that no file can show, only with a link, only until it expires. `gradino-exemptions.toml` holds
`[[exemption]]` tables: track, level, reason, approver, expires; it silences a gap, and never raises a level.
"""

import datetime
import tomllib
from dataclasses import dataclass
from typing import Any

from gradino import maturity
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.tree import Tree

ATTESTATIONS, EXEMPTIONS = "gradino-attestations.toml", "gradino-exemptions.toml"
ATTESTED = ("people.", "integration.independence", "operations.learning", "release.ownership")
_ROLES_BELOW_PIPELINE = 2  # release.ownership from 3 up is shown by a pipeline, not by a statement


@dataclass(frozen=True, slots=True)
class Attestation:
    """One person's answer for one track."""

    track: str
    level: int
    person: str
    role: str
    date: datetime.date
    link: str
    expires: datetime.date


@dataclass(frozen=True, slots=True)
class Exemption:
    """A gap that somebody accepted for a while."""

    track: str
    level: int
    reason: str
    approver: str
    expires: datetime.date

    def holds(self, track: str, level: int, today: datetime.date) -> bool:
        """Whether it silences the gap of a track up to a level."""
        return self.track == track and self.level >= level and today <= self.expires


def attestations(tree: Tree) -> list[Attestation]:
    """The valid entries; each other one leaves a note."""
    found: list[Attestation] = []
    for entry in _entries(tree, ATTESTATIONS, "attestation"):
        try:
            made = Attestation(**entry)
            maturity.load().track(made.track)
            if not all(isinstance(x, str) and x for x in (made.person, made.role, made.link)):
                raise ValueError
            if (
                not isinstance(made.date, datetime.date)
                or not isinstance(made.expires, datetime.date)
                or not isinstance(made.level, int)
            ):
                raise ValueError
        except (TypeError, ValueError, KeyError):
            tree.notes.append(
                f"{ATTESTATIONS}: an entry lacks a known track, level, person, role, date, link or expires"
            )
            continue
        found.append(made)
    return found


def exemptions(tree: Tree) -> list[Exemption]:
    """The valid entries; each other one leaves a note."""
    found: list[Exemption] = []
    for entry in _entries(tree, EXEMPTIONS, "exemption"):
        try:
            made = Exemption(**entry)
            if not (
                made.reason
                and made.approver
                and isinstance(made.expires, datetime.date)
                and isinstance(made.level, int)
            ):
                raise ValueError
        except (TypeError, ValueError):
            tree.notes.append(f"{EXEMPTIONS}: an entry lacks track, level, reason, approver or expires")
            continue
        found.append(made)
    return found


def _entries(tree: Tree, path: str, name: str) -> list[dict[str, Any]]:
    text = tree.text(path)
    if text is None:
        return []
    try:
        raw = tomllib.loads(text).get(name, [])
    except tomllib.TOMLDecodeError:
        tree.notes.append(f"{path}: not valid TOML, not read")
        return []
    return [e for e in raw if isinstance(e, dict)] if isinstance(raw, list) else []


def attested(tree: Tree, git: dict[str, list[Evidence]], today: datetime.date) -> list[tuple[str, Evidence]]:
    """Evidence by rung from attestations that hold `today`; `git` is what history shows beside them, by rung.

    One person with a link sets a rung up; two people of two roles show it; git that agrees makes it effective. Where
    people contradict each other the rung stays open, and both answers are shown; where git contradicts them, their
    word stays a word: set up, not shown.
    """
    found: list[tuple[str, Evidence]] = []
    said = [a for a in attestations(tree) if a.track.startswith(ATTESTED)]
    for track in maturity.load().tracks:
        mine = [a for a in said if a.track == track.id]
        valid = [a for a in mine if a.date <= today <= a.expires]
        for rung in track.rungs[1:]:
            if track.id == "release.ownership" and rung.level > _ROLES_BELOW_PIPELINE:
                continue
            key = f"{track.id}@{rung.level}"
            agree = [a for a in valid if a.level >= rung.level]
            disagree = [a for a in valid if a.level < rung.level]
            shown = [e for e in git.get(key, ()) if e.source != "README"]
            strength, contradicted = Strength.WIRED, any(not e.strength for e in shown)
            if not contradicted and len({a.role for a in agree}) > 1 and len({a.person for a in agree}) > 1:
                strength = Strength.EFFECTIVE if shown else Strength.EXECUTED
            if agree and disagree:
                strength = Strength.CLAIMED
            for a in agree + (disagree if agree else []):
                words = f"{a.person} ({a.role}) says level {a.level} on {a.date}, until {a.expires}: {a.link}"
                found.append((key, Evidence("attestation", ATTESTATIONS, words, strength, open=bool(disagree))))
            for a in mine:
                if a not in valid and a.level >= rung.level:
                    words = f"{a.person} ({a.role}) said level {a.level}; it expired on {a.expires}"
                    found.append((key, Evidence("attestation", ATTESTATIONS, words, Strength.CLAIMED)))
    return found
