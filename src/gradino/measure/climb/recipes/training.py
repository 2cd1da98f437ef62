"""The training command that exists, started by a machine, with what it makes kept."""

from gradino.measure.climb.ground import Draft, Ground
from gradino.measure.climb.text import by_hand, told, written
from gradino.measure.climb.training import trainer

RAISES = ("creation.compute@4", "creation.training@3")


def write(ground: Ground) -> Draft:
    """One pipeline that trains when its code or data change, and on a schedule where new data comes by itself."""
    found = trainer(ground)
    files = written(ground, "training", trainer=found)
    when = "every Monday and on every change of what it reads" if found.moving else "on every change of what it reads"
    does = f"runs `{found.command}` {when} and keeps {', '.join(found.kept) or found.tracker}"
    return Draft(files, told(files, does), (*found.home.files, *found.rests_on), (*found.left, *by_hand(ground, files)))
