"""Many projects at once: measured on all cores, compared track by track."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from gradino.errors import EvidenceError
from gradino.measure.assessment import Assessment, assess


def measure(
    places: Sequence[tuple[Path, str]], told: Callable[[int], None] = lambda done: None, **how: Any
) -> tuple[list[Assessment], list[str]]:
    """Assess every (path, folder inside a monorepo or ""), in order; the second list says what could not be read.

    `told` hears how many are done; `how` are the options of `assess` for all of them.
    """
    one, outcomes = partial(_one, how), []
    with ProcessPoolExecutor() as pool:
        for done, outcome in enumerate(map(one, places) if len(places) < 2 else pool.map(one, places), 1):
            outcomes.append(outcome)
            told(done)
    found = [o for o in outcomes if isinstance(o, Assessment)]
    return found, [o for o in outcomes if isinstance(o, str)]


def _one(how: dict[str, Any], place: tuple[Path, str]) -> Assessment | str:
    """One that cannot be measured, whatever is wrong with it, does not keep the others from it."""
    try:
        return assess(place[0], inside=place[1], **how)
    except EvidenceError as error:
        return error.what
    except Exception as error:  # noqa: BLE001
        return f"{place[0]} cannot be measured: {type(error).__name__}: {error}. This is a bug: report it."


def commonest_gap(assessments: Sequence[Assessment]) -> tuple[str, int, int]:
    """(track, rung's level, how many projects lack it); an empty track where nothing is missing."""
    gaps = Counter((g.track, g.next) for a in assessments for g in a.gaps if g.verdict == "fail" and not g.exempt)
    if not gaps:
        return "", 0, 0
    (track, level), count = min(gaps.items(), key=lambda item: (-item[1], item[0]))
    return track, level, count
