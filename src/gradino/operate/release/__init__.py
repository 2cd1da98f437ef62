"""From a candidate version to the champion, or to a refusal that says why.

A version that training registered comes in; deployments and signed decisions go out. The loop calls `propose` and
`advance` often (they only read records and move rows), `run_gates` in the slow lane (it starts servers and tests).
"""

from gradino.operate.release.gates import GATES, run_gates
from gradino.operate.release.rollout import PRODUCTION, TEST, champion, rollback
from gradino.operate.release.stages import advance, after_gates, propose

__all__ = ["GATES", "PRODUCTION", "TEST", "advance", "after_gates", "champion", "propose", "rollback", "run_gates"]
