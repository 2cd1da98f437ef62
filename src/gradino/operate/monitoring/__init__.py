"""What production says about the model: predictions and labels come in, outcomes and alarms go out.

`Feedback` joins labels to predictions (table `outcomes`), `watch` raises the harm alarm. The loop calls both.
"""

from gradino.operate.monitoring.feedback import Feedback
from gradino.operate.monitoring.harm import watch
from gradino.operate.monitoring.reference import reference

__all__ = ["Feedback", "reference", "watch"]
