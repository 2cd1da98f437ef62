"""Many projects at once: measured on all cores, compared track by track."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from gradino import maturity
from gradino.errors import EvidenceError
from gradino.measure.assessment import Assessment, assess


def measure(places: Sequence[tuple[Path, str]], model: str = maturity.DEFAULT) -> tuple[list[Assessment], list[str]]:
    """Assess every (path, folder inside a monorepo or ""), in order; the second list says what could not be read."""
    if len(places) < 2:
        outcomes = [_one(place, model) for place in places]
    else:
        with ProcessPoolExecutor() as pool:
            outcomes = list(pool.map(_one, places, [model] * len(places)))
    found = [o for o in outcomes if isinstance(o, Assessment)]
    return found, [o for o in outcomes if isinstance(o, str)]


def _one(place: tuple[Path, str], model: str) -> Assessment | str:
    try:
        return assess(place[0], model=model, inside=place[1])
    except EvidenceError as error:
        return error.what


def commonest_gap(assessments: Sequence[Assessment]) -> tuple[str, int, int]:
    """(track, rung's level, how many projects lack it); an empty track where nothing is missing."""
    gaps = Counter((g.track, g.next) for a in assessments for g in a.gaps if g.verdict == "fail" and not g.exempt)
    if not gaps:
        return "", 0, 0
    (track, level), count = min(gaps.items(), key=lambda item: (-item[1], item[0]))
    return track, level, count
