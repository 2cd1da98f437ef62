"""What production says about the model: predictions and labels come in, outcomes, alarms and explanations go out.

    feedback    labels join predictions: table `outcomes`, and `corrections` of labels that came again
    profiles    both as counts and sums by day: rows `profiles`
    harm        the alarm: has the loss risen above what the model was released with?
    drift       the explanation: what changed, since when, in which rows, does it matter?

The loop calls `Feedback`, `profile` and `watch`; the page and the command line call `diagnose`.
"""

from gradino.operate.monitoring.drift import Diagnosis, diagnose
from gradino.operate.monitoring.feedback import Feedback
from gradino.operate.monitoring.harm import watch
from gradino.operate.monitoring.profiles import profile
from gradino.operate.monitoring.reference import reference

__all__ = ["Diagnosis", "Feedback", "diagnose", "profile", "reference", "watch"]
