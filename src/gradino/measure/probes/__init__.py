"""Probes: for each rung above a track's lowest, pure functions from facts to evidence. Their docstring is the advice.

A probe accepts any tool that does the job. It returns evidence of whatever strength it saw, weaker sightings included,
so that a report can say "declared, but its trigger is off". `verdicts` takes the strongest.
"""

from collections.abc import Callable

from gradino.measure.evidence import Evidence
from gradino.measure.probes import (
    creation,
    integration,
    operations,
    people,
    records,
    release,
    reproducibility,
    traceability,
)
from gradino.measure.scene import Scene

Probe = Callable[[Scene], list[Evidence]]

PROBES: dict[str, tuple[Probe, ...]] = {
    "creation.data-collection@4": (creation.collects_new_data,),
    "creation.compute@4": (creation.trains_on_defined_compute,),
    "creation.experiments@4": (records.tracks_experiments,),
    "creation.versioning@4": (records.versions_models,),
    "creation.reproducibility@4": (reproducibility.retrains_the_same,),
    "creation.training@3": (creation.trains_by_itself,),
    "creation.training@4": (creation.production_metrics_retrain,),
    "release.process@2": (release.releases_by_one_command,),
    "release.process@4": (release.releases_by_itself,),
    "release.scoring-script@1": (release.scoring_in_git,),
    "release.scoring-script@4": (release.scoring_tested,),
    "release.ownership@3": (release.pipeline_deploys,),
    "release.ownership@4": (release.tests_gate_the_pipeline,),
    "release.traceability@4": (traceability.traces_to_data,),
    "release.environments@4": (release.promotes_between_environments,),
    "release.experimentation@4": (release.compares_on_live_traffic,),
    "integration.builds@4": (integration.builds_and_publishes,),
    "integration.application-tests@2": (integration.unit_tests,),
    "integration.application-tests@4": (integration.integration_tests,),
    "integration.model-tests@2": (integration.some_model_test,),
    "integration.model-tests@4": (integration.every_candidate_tested,),
    "integration.independence@4": (integration.others_release,),
    "operations.feedback@3": (operations.something_is_watched,),
    "operations.feedback@4": (operations.production_says_how_to_improve,),
    "operations.metrics@3": (operations.training_metrics_central,),
    "operations.metrics@4": (operations.deployed_metrics_central,),
    "operations.availability@4": (operations.hardly_any_downtime,),
    "operations.learning@4": (operations.learns_from_incidents,),
    "people.data-scientists@3": (people.scientists_and_engineers,),
    "people.data-scientists@4": (people.scientists_and_signals,),
    "people.data-engineers@2": (people.scientists_and_engineers,),
    "people.data-engineers@4": (people.contracts_of_three,),
    "people.software-engineers@3": (people.engineers_automate,),
    "people.software-engineers@4": (people.engineers_measure,),
}


def advice(rung: str) -> str:
    """What would make a rung (track@level) hold: the docstrings of its probes."""
    return " ".join(" ".join((p.__doc__ or "").split()) for p in PROBES.get(rung, ()))
