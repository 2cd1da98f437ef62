"""What a drill says: what must happen, what was done, what was seen and when, and what follows."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["pass", "fail", "insufficient"]


class Insufficient(Exception):  # noqa: N818  # it is an answer, not a fault
    """The drill cannot say: too few rows, or something that it needs is not there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One line of the timeline: seconds since the drill began. `holds` where something had to be so."""

    at: float
    kind: Literal["injected", "seen", "checked"]
    says: str
    holds: bool | None = None


@dataclass
class Drill:
    """A drill as it goes on. Whatever must hold is checked; the first that does not is why it failed."""

    name: str
    hypothesis: str
    tell: Callable[["Drill", Seen], None] = field(default=lambda _drill, _seen: None, repr=False)
    timeline: list[Seen] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict = "insufficient"
    why: str = "it was not run"
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def inject(self, says: str) -> None:
        """Something is done to the system."""
        self._add("injected", says)

    def see(self, says: str, **numbers: Any) -> None:
        """Something is observed that decides nothing by itself."""
        self.numbers |= numbers
        self._add("seen", says)

    def check(self, holds: bool, says: str, **numbers: Any) -> None:
        """Something that must be so; `says` is true of what was seen, whether or not it holds."""
        self.numbers |= numbers
        self._add("checked", says, holds)

    def end(self, error: Exception | None = None) -> None:
        """Give the verdict; a broken or interrupted drill proves nothing."""
        self.seconds = round(time.monotonic() - self._began, 1)
        failed = [seen.says for seen in self.timeline if seen.holds is False]
        held = [seen.says for seen in self.timeline if seen.holds]
        if failed:
            self.verdict, self.why = "fail", failed[0]
        elif error is not None:
            said = (
                str(error) if isinstance(error, Insufficient) else f"the drill broke: {type(error).__name__}: {error}"
            )
            self.verdict, self.why = "insufficient", said
        elif held:
            self.verdict, self.why = "pass", held[-1]
        else:
            self.verdict, self.why = "insufficient", "nothing was checked"

    def plain(self) -> dict[str, Any]:
        """As `--json` and the store have it."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "why": self.why,
            "seconds": self.seconds,
            "hypothesis": self.hypothesis,
            "timeline": [asdict(seen) for seen in self.timeline],
            "numbers": self.numbers,
        }

    def _add(self, kind: Literal["injected", "seen", "checked"], says: str, holds: bool | None = None) -> None:
        seen = Seen(round(time.monotonic() - self._began, 1), kind, says, holds)
        self.timeline.append(seen)
        self.tell(self, seen)


def said(decision: dict[str, Any]) -> str:
    """The verdict of a signed decision, and its reasons."""
    return f"{decision['verdict']}, {'; '.join(decision['reasons'])}"
