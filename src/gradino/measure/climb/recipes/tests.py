"""Continuous integration that installs the project its own way and runs the tests that exist."""

from gradino.measure.climb.ground import Draft, Ground
from gradino.measure.climb.testing import suite
from gradino.measure.climb.text import by_hand, told, written

RAISES = (
    "integration.application-tests@2",
    "integration.application-tests@4",
    "release.scoring-script@4",
)


def write(ground: Ground) -> Draft:
    """One pipeline that runs the tests on every change."""
    found = suite(ground)
    left = [f"left out: {x}" for x in found.left_out]
    left += [f"give the pipeline the secret {x}: a test reads it" for x in found.secrets]
    if found.home.guessed:
        left.append(found.home.guessed)
    files = written(ground, "tests", suite=found)
    does = told(files, f"runs `{found.command}` on every change")
    return Draft(files, does, found.home.files, (*left, *by_hand(ground, files)))
