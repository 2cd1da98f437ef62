"""New files into a work tree: all of them or none, and never one that is there."""

from collections.abc import Sequence
from pathlib import Path

from gradino.errors import EvidenceError
from gradino.measure import tree
from gradino.measure.climb.ascent import File


def write(path: Path, files: Sequence[File]) -> list[str]:
    """Write those that are not there yet into the work tree that `path` lies in; returns their paths.

    Raises:
        EvidenceError: one cannot be written, or came into being meanwhile; those before it are taken away again.
    """
    root = Path(tree.locate(path).repository.workdir)
    made: list[Path] = []
    try:
        for file in files:
            place = root / file.path
            if file.there:
                continue
            if not place.parent.resolve().is_relative_to(root.resolve()):
                raise EvidenceError(f"{file.path} leads out of the repository.", "Remove the link in its way.")
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8") as stream:
                made.append(place)
                stream.write(file.text)
    except BaseException as error:
        for place in made:
            place.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise EvidenceError(
                f"{error.filename}: {error.strerror}; nothing was written.", "Make room for it."
            ) from None
        raise
    return [str(p.relative_to(root)) for p in made]
