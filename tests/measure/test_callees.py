"""What a pipeline calls that stands in another file: variables, templates, libraries, tasks, images, actions of others."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

TESTED = {
    "tests/unit/test_train.py": "from train import train\n\n\ndef test_it():\n    assert train() is None\n",
    "tests/model/test_other.py": "",
}
AZURE = (
    "trigger: [main]\npool: {vmImage: u}\nvariables:\n  - template: shared.yml\n  - {name: tests, value: $(folder)/unit}\n"
    "steps:\n  - task: CmdLine@2\n    inputs: {script: python -m pytest $(tests)}\n"
)


@pytest.mark.parametrize(("folder", "level"), [("tests", 2), ("elsewhere", 0)])
def test_variables_of_azure_stand_in_their_own_file(folder: str, level: int) -> None:
    files = {
        "pipelines/ci.yml": AZURE,
        "pipelines/shared.yml": f"variables:\n  - {{name: folder, value: {folder}}}\n",
        **TESTED,
    }
    assert levels(files)("integration.application-tests") == level


@pytest.mark.parametrize(("job", "level"), [("Approval", 2), ("Prepare", 4)])
def test_a_deployment_without_steps_that_is_named_an_approval_waits_for_a_person(job: str, level: int) -> None:
    files = {
        "azure-pipelines.yml": "trigger: [main]\nstages:\n  - stage: release\n    jobs:\n"
        f"      - {{deployment: {job}, environment: Production}}\n"
        "      - job: deploy\n        steps:\n          - script: az ml model deploy --name api\n",
    }
    assert levels(files)("release.process") == level


@pytest.mark.parametrize(
    ("bound", "level"),
    [("accuracy > accuracy_threshold", 4), ("accuracy > 0.7", 4), ("known_accuracy > accuracy_threshold", 0)],
)
def test_a_bound_may_be_written_into_the_code_and_what_is_measured_may_not(bound: str, level: int) -> None:
    script = (
        "import mlflow\nfrom sklearn.svm import SVC\n\naccuracy_threshold = 0.7\nknown_accuracy = 0.9\n\n\n"
        "def fit(x, y):\n    model = SVC().fit(x, y)\n    accuracy = model.score(x, y)\n"
        f"    if {bound}:\n        mlflow.register_model('m', 'fit')\n\n\nif __name__ == '__main__':\n    fit(1, 2)\n"
    )
    assert levels({"train.py": script})("integration.model-tests") == level
