"""Model versions that can be trusted: content-addressed, signed bundles, and the registry people see.

Enters: a fitted estimator with everything it came from, from the training job (`pack`, `models`). Leaves: a verified
`Model` that predicts (`load`), what a bundle says about itself (`describe`), and the aliases of MLflow
(`set_alias`). Release, serving and lineage call it; nothing of a bundle is deserialised before it is verified.

    bundle, schema, keys           what a bundle is, and whether it is still what was signed; light
    pack → estimator, inputs       in the training process: make one
    model → namespace, estimator   in a scoring process: load one, beside others of the same module names
    tracker, models, aliases       MLflow: versions and aliases
"""

from gradino.operate.registry.aliases import set_alias
from gradino.operate.registry.bundle import Lineage, baseline, describe, holdout, lineage, reference, verify
from gradino.operate.registry.keys import public_key, signing_key
from gradino.operate.registry.model import Model, load
from gradino.operate.registry.schema import Baseline, Description, Field, Observed, Reference, Slices

__all__ = [
    "Baseline",
    "Description",
    "Field",
    "Lineage",
    "Model",
    "Observed",
    "Reference",
    "Slices",
    "baseline",
    "describe",
    "holdout",
    "lineage",
    "load",
    "public_key",
    "reference",
    "set_alias",
    "signing_key",
    "verify",
]
