"""Questions about what no file can show, and answers as attestations in a file that people review."""

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gradino import maturity
from gradino.errors import EvidenceError
from gradino.maturity import Language
from gradino.measure.statements import ATTESTATIONS, ATTESTED

_HOLDS = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Question:
    """One track: its name and the rungs to choose from, as (level, statement)."""

    track: str
    name: str
    choices: tuple[tuple[int, str], ...]


def questions(language: Language = "en") -> list[Question]:
    """One question for each track that rests on attestations."""
    return [
        Question(t.id, t.name.in_(language), tuple((r.level, r.says.in_(language)) for r in t.rungs))
        for t in maturity.load().tracks
        if t.id.startswith(ATTESTED)
    ]


def from_file(file: Path) -> dict[str, tuple[int, str]]:
    """Answers from a TOML file of tables named by track, each with `level` and `link`.

    Raises:
        EvidenceError: the file cannot be read, or names an unknown track, a level without a rung, or no link.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EvidenceError(
            f"{file} cannot be read: {error}.", "Write TOML tables such as [people.data-engineers]."
        ) from None
    found: dict[str, tuple[int, str]] = {}
    for question in questions():
        dimension, _, name = question.track.partition(".")
        entry = raw.get(dimension, {}).get(name) if isinstance(raw.get(dimension), dict) else None
        if entry is None:
            continue
        level, link = entry.get("level"), entry.get("link", "")
        if level not in {x for x, _ in question.choices} or not link:
            levels = ", ".join(str(x) for x, _ in question.choices)
            raise EvidenceError(f"{question.track} in {file} needs a level and a link.", f"Its levels are {levels}.")
        found[question.track] = (level, link)
    return found


def write(root: Path, person: str, role: str, answers: dict[str, tuple[int, str]]) -> Path:
    """Append the answers to the attestations file of a project; returns its path."""
    today = datetime.now(UTC).date()
    entries = []
    for track, (level, link) in answers.items():
        fields = {
            "track": track,
            "level": level,
            "person": person,
            "role": role,
            "date": today,
            "link": link,
            "expires": today + _HOLDS,
        }
        lines = [f"{k} = {json.dumps(v) if isinstance(v, str | int) else v}" for k, v in fields.items()]
        entries.append("[[attestation]]\n" + "\n".join(lines) + "\n")
    file = root / ATTESTATIONS
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(before + ("\n" if before else "") + "\n".join(entries), encoding="utf-8")
    return file
