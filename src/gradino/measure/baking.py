"""Models that are trained while an image is built: whoever builds and publishes the image retrains them."""

import re
from collections.abc import Callable
from dataclasses import replace

from gradino.measure.automation import Job, Step
from gradino.measure.broken import built
from gradino.measure.images import Image
from gradino.measure.tree import Tree

_PROGRAM = re.compile(
    r"\b(python[\d.]*\s+(?!-c\b|-m\s+(pip|venv|spacy|nltk)\b)|make\s|dvc\s+(repro|exp)\b|(uv|poetry|pdm)\s+run\s)"
)
_KEPT = frozenset({"publish", "deploy"})
Verbs = Callable[[Job, Step], set[str]]


def baked(tree: Tree, jobs: list[Job], verbs: Verbs) -> list[Job]:
    """The jobs, each with what trains as it builds an image that it publishes or deploys, as its last steps."""
    images = built(tree, jobs)
    return [_with(job, images.get(f"{job.group}#{job.name}", []), verbs) for job in jobs]


def _with(job: Job, images: list[Image], verbs: Verbs) -> Job:
    """A job with the commands of its images that train, if the images are kept."""
    runs = [
        Step(job.line, i.rest, folder=image.context)
        for image in {i.path: i for i in images}.values()
        for i in image.runs()
        if _PROGRAM.search(i.rest)
    ]
    trains = [r for r in runs if "train" in verbs(job, r)]
    if not trains or not any(_KEPT & verbs(job, s) for s in job.steps if not s.off):
        return job
    return replace(job, steps=(*job.steps, *trains))
