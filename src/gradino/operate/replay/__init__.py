"""What would each retraining policy have done? A table of history comes in; policies side by side go out.

    history     a file becomes rows in time order
    features    what a default model may see of them, and what gives the answer away
    recipe      how a model is made: the project's functions, or a default; each model once
    timeline    one policy, driven by event time, with production's rules, experiment and alarm
    drifting    the diagnosis of drift for the drift policy
    baselines   what needs no model
    compare     all of it, for several policies

The same code as in production, without a server, a store and a wall clock: `retraining.rules`, `release.experiment`,
`training.evaluate.split` and `inference.alarm`. The command line calls `replay`.
"""

from gradino.operate.replay.compare import POLICIES, Comparison, Replayed, replay

__all__ = ["POLICIES", "Comparison", "Replayed", "replay"]
