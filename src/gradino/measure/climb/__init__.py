"""Climbing: the next increment of a plan goes in, files that really do part of it come out, and what they change.

In the order of the data: `ground` is what a recipe stands on (the facts, the host of pipelines, the default branch);
`environment` says how the project installs itself, `entry` how one of its files is run, `machine` what that would miss
on a clean machine; `recipes` turn all of it into drafts, or say what they looked for; `ascent` lays each draft over the
commit, measures again and keeps what raises a rung and lowers none; `writing` puts new files into the work tree;
`report` shows it. Called by `cli`. Nothing of the project is imported or run, and no line of it is changed.
"""

from gradino.measure.climb.ascent import Climb, adopt, climb
from gradino.measure.climb.writing import write

__all__ = ["Climb", "adopt", "climb", "write"]
