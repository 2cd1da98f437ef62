"""A run: the rows of one table version and a snapshot of the project's files become a signed model version.

Enters: `request`, a row in `runs` with the reason. Leaves: `execute` ends it – a bundle, a version in the registry with
status `candidate`, metrics – or fails it with the project's own error; `cancel` ends it before. `prepare` makes the
environment the lock file fixes, and names the Python everything then runs with. Retraining and command line request,
the loop executes.

    runs → snapshot, environment, compute      in the operator
    job  → recipe → search, evaluate, slices   in a process of its own: the project's code, scikit-learn, MLflow
"""

from gradino.operate.training.environment import prepare
from gradino.operate.training.runs import cancel, execute, follow, request

__all__ = ["cancel", "execute", "follow", "prepare", "request"]
