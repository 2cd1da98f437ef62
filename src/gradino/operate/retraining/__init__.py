"""When to retrain, and why: labels, rows, alarms and prices come in; a recorded decision, and perhaps a run, goes out.

    rules     pure: a policy, facts and guards give the decision; the replay calls the same
    ledger    the facts of the store; what each retraining promised and what it gained
    poison    signs in the new rows that somebody teaches the model

The loop calls `decide`.
"""

from gradino.operate.retraining.policy import decide

__all__ = ["decide"]
