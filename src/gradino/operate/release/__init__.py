"""From a candidate version to the champion, or to a refusal that says why.

A version that training registered comes in; deployments and signed decisions go out. The loop calls `propose` and
`advance` often (they only read records and move rows), `run_gates` in the slow lane (it starts servers and tests).

    candidate → gates → checks, skew, contract     what must hold before live traffic
    pairs → experiment, randomised → follow        the evidence on live traffic, as pure functions, and its input
    stages → health, rollout                       gates → experiment → ramp → probation → done
    certificate → verify, history                  what was decided, for anybody to check
"""

from gradino.operate.release import pairs, verify
from gradino.operate.release.candidate import Candidate, Result
from gradino.operate.release.contract import one_server
from gradino.operate.release.gates import GATES, chosen, judge, run_gates
from gradino.operate.release.history import Reign, aliases, champion_at, reigns
from gradino.operate.release.rollout import PRODUCTION, TEST, champion, rollback
from gradino.operate.release.stages import advance, after_gates, propose

__all__ = [
    "GATES",
    "PRODUCTION",
    "TEST",
    "Candidate",
    "Reign",
    "Result",
    "advance",
    "after_gates",
    "aliases",
    "champion",
    "champion_at",
    "chosen",
    "judge",
    "one_server",
    "pairs",
    "propose",
    "reigns",
    "rollback",
    "run_gates",
    "verify",
]
