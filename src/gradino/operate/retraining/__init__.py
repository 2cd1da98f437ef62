"""When to retrain, and why: alarm, labels and prices come in; a recorded decision, and perhaps a run, goes out."""

from gradino.operate.retraining.policy import decide

__all__ = ["decide"]
