"""gradino makes the MLOps maturity model executable: measure, climb, operate and prove.

Two halves that know nothing of each other stand on common ground. `measure` reads a project's evidence and says
on which level each track stands; `operate` runs a project at level 4 and leaves records that `measure` can read.
`maturity` (the model as data) and `inference` (statistics as pure functions) are the ground; `cli` and `console`
are the faces.
"""

__version__ = "0.1.0"
