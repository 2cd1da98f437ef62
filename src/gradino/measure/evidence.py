"""What was seen, where, and how much it shows."""

import re
from dataclasses import dataclass
from enum import IntEnum


class Strength(IntEnum):
    """How much a piece of evidence shows; each implies the ones below it."""

    NONE = 0
    CLAIMED = 1
    DECLARED = 2
    WIRED = 3
    EXECUTED = 4
    EFFECTIVE = 5
    PROVEN = 6


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """One statement: `source` is the kind of place it comes from, `locator` where (path:line, a run id), `says` what.

    `open` marks a statement that leaves the question unanswered: what decides it cannot be seen from here.
    """

    source: str
    locator: str
    says: str
    strength: Strength
    open: bool = False


_NAMED = r"(?:passw(?:or)?d|secret|token|(?:api|access)[_-]?key|authorization|bearer|credential)\w*"
_SECRETS = re.compile(
    rf"(?i)({_NAMED}[\"']?(?:\s*[=:]\s*|\s+(?=[\w.-]*\d[\w.-]{{9}})))(?!\$|\{{|<|\()(?:(?:bearer|basic)\s+)?[^\s\"',;]+"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\b(?:gh[pousr]|xox[abp]|sk|glpat|hf)[_-][\w-]{16,}"
)


def redacted(text: str) -> str:
    """Text without what looks like a secret."""
    return _SECRETS.sub(lambda m: f"{m[1] or ''}***", text)


def at(path: str, line: int = 0) -> str:
    """A locator for a place in a file; lines count from 1, 0 names the whole file."""
    return f"{path}:{line}" if line else path
