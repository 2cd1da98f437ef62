"""Statistics as pure functions over numpy: what the numbers of an experiment, an alarm or a diagnosis mean.

Losses, arms and columns enter as arrays; small immutable states and findings leave, ready for a row of the store
(`msgspec.to_builtins`) and back (`msgspec.convert`). A state is moved on by `state.update(array)`, and feeding a batch
equals feeding its rows one by one, so an interrupted computation continues where it stood and anybody can recompute a
decision from the logs. A missing value (NaN) is never evidence. The release compares models with `eprocess` (paired) or
`ab` (randomised) on the bounded `losses`; the monitoring raises `alarm`, explains it with `drift` and looks ahead of
the labels with `estimate`; the retraining policy weighs `gain`. `docs/statistics.md` derives the guarantees and gives
the measured numbers.
"""

from gradino.inference import ab, alarm, drift, eprocess, estimate, gain, losses

__all__ = ["ab", "alarm", "drift", "eprocess", "estimate", "gain", "losses"]
