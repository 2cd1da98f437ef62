"""Measuring: a project's files, history and records go in; an `Assessment` comes out. The project's code never runs.

In the order of the data: `tree` and `history` read a commit; `collectors` turn each kind of source into facts; `scene`
holds the facts and follows what fires to what it does; `probes` judge one rung each from the facts alone; `verdicts`
combine probes into rungs, tracks and levels; `reports` show them and `plan` orders what is missing. Called by `cli`,
`console` and the demo through `assess`. Knows nothing of `gradino.operate`: it reads its store as any other tracker.
"""

from gradino.measure.assessment import Assessment, assess, projects

__all__ = ["Assessment", "assess", "projects"]
