"""Workflows that other workflows send for, each with a twin that sends for nothing, or for something else."""
# ruff: noqa: E501 - files read better unwrapped

import pytest

from tests.measure.test_collectors import levels

TRAIN = "from sklearn.svm import SVC\n\n\ndef train(x, y):\n    SVC().fit(x, y)\n\n\nif __name__ == '__main__':\n    train(1, 2)\n"
FIT = "name: Fit again\non: {}\njobs:\n  fit:\n    runs-on: u\n    steps:\n      - run: python train.py\n"
WATCH = (
    "on:\n  schedule: [{{cron: '0 3 * * *'}}]\njobs:\n  look:\n    runs-on: u\n    steps:\n      - run: python drift.py\n"
    "      - id: seen\n        run: test -f drift.txt && echo drift=true >> $GITHUB_OUTPUT\n"
    "      - if: steps.seen.outputs.drift == 'true'\n        {}\n"
)
DRIFT = "from evidently.report import Report\n\n\nif __name__ == '__main__':\n    Report([]).run(old, new)\n    if drifted:\n        open('drift.txt', 'w')\n"
SCRIPT = "uses: actions/github-script@v7\n        with:\n          script: |\n            await github.rest.actions.{}({{owner, repo, workflow_id: '{}', ref: 'main'}})"
API = 'run: curl -X POST https://api.github.com/repos/a/b/actions/workflows/{}/dispatches -d \'{{"ref":"main"}}\''


@pytest.mark.parametrize(
    ("step", "on", "level"),
    [
        ("uses: benc-uk/workflow-dispatch@v1\n        with: {workflow: Fit again}", "workflow_dispatch", 4),
        ("uses: benc-uk/workflow-dispatch@v1\n        with: {workflow: fit.yml}", "workflow_dispatch", 4),
        ("uses: benc-uk/workflow-dispatch@v1\n        with: {workflow: Show}", "workflow_dispatch", 1),
        ("uses: benc-uk/workflow-dispatch@v1\n        with: {workflow: Fit again}", "workflow_call", 1),
        ("uses: peter-evans/repository-dispatch@v3\n        with: {event-type: drift}", "repository_dispatch", 4),
        ("uses: peter-evans/create-pull-request@v6", "repository_dispatch", 3),
        (SCRIPT.format("createWorkflowDispatch", "fit.yml"), "workflow_dispatch", 4),
        (SCRIPT.format("createWorkflowDispatch", "show.yml"), "workflow_dispatch", 1),
        (SCRIPT.format("getWorkflow", "fit.yml"), "workflow_call", 1),
        ("run: gh workflow run fit.yml --ref main", "workflow_dispatch", 4),
        ("run: gh workflow run -R a/b 'Fit again'", "workflow_dispatch", 4),
        ("run: gh workflow view fit.yml", "workflow_dispatch", 1),
        (API.format("fit.yml"), "workflow_dispatch", 4),
        (API.format("show.yml"), "workflow_dispatch", 1),
    ],
)  # fmt: skip
def test_drift_sends_for_the_workflow_that_trains(step: str, on: str, level: int) -> None:
    files = {
        "train.py": TRAIN,
        "drift.py": DRIFT,
        ".github/workflows/watch.yml": WATCH.format(step),
        ".github/workflows/fit.yml": FIT.format(on),
        ".github/workflows/show.yml": "name: Show\non: workflow_dispatch\njobs:\n  s:\n    runs-on: u\n    steps:\n      - run: ls\n",
    }
    assert levels(files)("creation.training") == level
