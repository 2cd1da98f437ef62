"""Two commits that somebody might push on a bad day, as edits of the example's text."""

from dataclasses import dataclass
from pathlib import Path

from gradino.errors import ProjectError


@dataclass(frozen=True, slots=True)
class Commit:
    """In `file`, `old` becomes `new`."""

    message: str
    file: str
    old: str
    new: str

    def apply(self, project: Path) -> None:
        """Edit the project's working tree; raises ProjectError when the text to replace is not there exactly once."""
        path = project / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ProjectError(f"{path} does not say once: {self.old}", "the demo edits its own copy of the example")
        path.write_text(text.replace(self.old, self.new))


BROKEN = Commit(
    "Train on the square root of the rentals, so that rush hours do not outweigh the night",
    "bikes/model.py",
    "rides.rentals)",
    "rides.rentals**0.5)",
)
"""Nobody told the scoring, which now answers with roots. Every unit test passes; the holdout does not."""

WORSE = Commit(
    "Leave out the age of the service: one number less to look after",
    "bikes/model.py",
    "        age=(rides.hour - OPENED).dt.days // 28,\n",
    "",
)
"""The town does not grow in December: the holdout has nothing against it. The live labels have."""
