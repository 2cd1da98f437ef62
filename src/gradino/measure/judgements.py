"""What runs that train nothing find out about a model, on rows that they fetch: how good the deployed one is today."""

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradino.measure.scene import Firing

_TIMED = frozenset({"schedule", "event", "metric"})
_LOOKS = frozenset({"judge", "load", "collect"})
_TRAINS = frozenset({"train", "submit", "register"})


def of_live(firings: list["Firing"]) -> list["Firing"]:
    """The firings, with what measures a loaded model on new data by itself called what it is: a look for drift."""
    does: dict[str, set[str]] = defaultdict(set)
    for firing in firings:
        does[firing.job.group].add(firing.effect.verb)
    live = {group for group, verbs in does.items() if verbs >= _LOOKS and not verbs & _TRAINS}
    return [
        replace(f, effect=replace(f.effect, verb="drift"))
        if f.effect.verb == "judge" and f.job.group in live and f.job.triggers & _TIMED
        else f
        for f in firings
    ]
