"""What a README says of the project: evidence of the weakest kind, shown beside what was found.

A claim never lifts a rung. It tells the reader where the project believes to stand, which is worth an answer.
"""

import re
from collections.abc import Iterator

from gradino.measure.evidence import Evidence, Strength
from gradino.measure.scene import Scene

_CLAIMS = {
    "creation.data-collection@4": r"data (ingestion|collection) pipeline|automat\w+ (data )?ingest",
    "creation.experiments@4": r"experiment tracking|tracks? (all )?experiments",
    "creation.versioning@4": r"model registry|(model|data) version(ing|ed)",
    "creation.reproducibility@4": r"\breproducib",
    "creation.training@3": r"(automat\w+|continuous|scheduled) (model )?(re-?)?training",
    "creation.training@4": r"(drift|degrad\w+|performance)[^.]{0,60}\bre-?train|\bre-?train\w*[^.]{0,40}(drift|degrad)",
    "release.process@4": r"(automat\w+|continuous) (model )?(deployment|delivery)|\bCI/CD\b",
    "release.environments@4": r"staging[^.]{0,20}production|multiple environments",
    "release.experimentation@4": r"\bA/B test|\bcanary|shadow (deploy|traffic|mode)|champion[^.]{0,5}challenger",
    "release.traceability@4": r"\blineage\b|\btraceab",
    "integration.application-tests@4": r"integration tests?",
    "integration.model-tests@4": r"(quality|validation|promotion) gate|model validation",
    "operations.feedback@4": r"(drift|performance) (detection|monitoring|alert)|\balerting\b",
    "operations.metrics@4": r"model monitoring|monitoring dashboard|\bgrafana\b|\bprometheus\b",
    "operations.availability@4": r"(zero|no).?downtime|high.?availability|blue.?green|rolling update",
    "operations.learning@4": r"post-?mortem",
}
_COMPILED = {rung: re.compile(pattern, re.I) for rung, pattern in _CLAIMS.items()}
_NOT_YET = re.compile(
    r"\[ \]|\b(todo|future|planned|roadmap|not yet|coming soon|could|will be|without|no longer)\b", re.I
)


def claims(scene: Scene) -> Iterator[tuple[str, Evidence]]:
    """The first sentence of a README for each rung that one speaks of; plans and wishes are no claims."""
    waiting = dict(_COMPILED)
    for path, number, line in scene.documents():
        if path.rpartition("/")[2].lower().startswith("readme") and not _NOT_YET.search(line):
            for rung in [r for r, pattern in waiting.items() if pattern.search(line)]:
                del waiting[rung]
                words = line.strip(" #*->|")[:120]
                yield rung, Evidence("README", scene.tree.at(path, number), f'says "{words}"', Strength.CLAIMED)
