"""Recipes: each writes new files that really do something, and names the rungs (track@level) that they can raise.

A recipe that misses something raises `NotKnownError` with what it looked for. A new one is a file and a line here.
"""

from collections.abc import Callable

from gradino.measure.climb.ground import Draft, Ground
from gradino.measure.climb.recipes import deployment, image, tests, training

Recipe = Callable[[Ground], Draft]

RECIPES: dict[str, tuple[Recipe, tuple[str, ...]]] = {
    "tests": (tests.write, tests.RAISES),
    "training": (training.write, training.RAISES),
    "image": (image.write, image.RAISES),
    "deployment": (deployment.write, deployment.RAISES),
}
