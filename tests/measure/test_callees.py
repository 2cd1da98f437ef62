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


SHARED = {
    "jenkins/vars/fit.groovy": 'def call(String name) {\n  sh """\n    python train.py --name \\$NAME\n  """\n}\n'
}
JENKINS = (
    "library 'ours'\n// what a model needs\npipeline {{\n  {}\n  stages {{ stage('Fit') {{ steps {{ {} }} }} }}\n}}\n"
)


@pytest.mark.parametrize(
    ("path", "text", "level"),
    [
        ("Jenkinsfile", JENKINS.format("agent any", "fit('a')"), 3),
        ("Jenkinsfile", JENKINS.format("agent any", "other('a')"), 1),
        ("Jenkinsfile", JENKINS.format("agent any", "// fit('a')\n"), 1),
        ("Jenkinsfile", JENKINS.format("agent any", "sh 'python train.py'").replace("stages {", "all {"), 1),
        ("ci/nightly.groovy", JENKINS.format("triggers { cron('H 2 * * *') }", "fit('a')"), 3),
        ("ci/model.groovy", JENKINS.format("parameters { string(name: 'X') }", "fit('a')"), 1),
    ],
)  # fmt: skip
def test_a_pipeline_of_jenkins_calls_its_shared_library(path: str, text: str, level: int) -> None:
    files = {path: text, **SHARED}
    assert levels(files)("creation.training") == level
    assert levels(files)("creation.compute") == (4 if level == 3 or path == "ci/model.groovy" else 1)


@pytest.mark.parametrize(("name", "level"), [("blue-$BUILD_ID", 4), ("blue", 3)])
def test_a_deployment_of_its_own_name_takes_all_traffic_once_it_is_there(name: str, level: int) -> None:
    command = f"az ml online-deployment create --all-traffic --name {name} -f deployment.yml"
    files = {".github/workflows/d.yml": f"on: push\njobs:\n  d:\n    runs-on: u\n    steps:\n      - run: {command}\n"}
    assert levels(files)("operations.availability") == level


IMAGE = {"Dockerfile": 'FROM python:3.11\nCMD ["uv", "run", "-m", "train"]\n'}


@pytest.mark.parametrize(
    ("command", "level"),
    [
        ("gcloud run jobs deploy fit --image $IMAGE --execute-now", 3),
        ("gcloud run jobs execute fit --wait", 3),
        ("gcloud run jobs deploy fit --image $IMAGE", 1),
        ("aws ecs run-task --task-definition fit", 3),
        ("aws ecs register-task-definition --family fit", 1),
    ],
)
def test_a_cloud_runs_the_image_that_trains(command: str, level: int) -> None:
    workflow = f"on: push\njobs:\n  d:\n    runs-on: u\n    steps:\n      - run: {command}\n"
    assert levels({".github/workflows/d.yml": workflow, **IMAGE})("creation.training") == level


BY_BRANCH = """on: {{push: {{branches: [main, staging]}}}}
jobs:
  d:
    runs-on: u
    steps:
      - run: |
          if [ "{}" = "main" ]; then echo "ENV={}" >> $GITHUB_ENV; else echo "ENV=staging" >> $GITHUB_ENV; fi
      - run: gcloud run deploy api-{} --image $IMAGE
"""


@pytest.mark.parametrize(
    ("branch", "live", "target", "level"),
    [
        ("${{ github.ref_name }}", "prod", "${{ env.ENV }}", 4),
        ("$DAY", "prod", "${{ env.ENV }}", 2),
        ("${{ github.ref_name }}", "staging", "${{ env.ENV }}", 2),
    ],
)
def test_a_branch_decides_where_a_job_deploys(branch: str, live: str, target: str, level: int) -> None:
    files = {".github/workflows/d.yml": BY_BRANCH.format(branch, live, target)}
    assert levels(files)("release.environments") == level


CHECKS = """from invoke.tasks import task


@task
def lint(ctx):
    ctx.run("ruff check .")


@task
def test(ctx):
    ctx.run("poetry run pytest tests/unit"{})


@task(pre=[lint, test], default=True)
def all(ctx):
    pass
"""


@pytest.mark.parametrize(
    ("command", "warn", "level"),
    [
        ("checks", "", 2),
        ("checks.test", "", 2),
        ("checks.lint checks.test", "", 2),
        ("checks.lint", "", 0),
        ("other", "", 0),
        ("checks", ", warn=True", 0),  # its failure is a warning
    ],
)
def test_a_collection_of_invoke_runs_its_default_task_and_what_that_names(command: str, warn: str, level: int) -> None:
    files = {
        ".github/workflows/c.yml": f"on: push\njobs:\n  c:\n    runs-on: u\n    steps:\n      - run: poetry run invoke {command}\n",
        "tasks/__init__.py": "from invoke import Collection\n\nfrom . import checks\n\nns = Collection(checks)\n",
        "tasks/checks.py": CHECKS.format(warn),
        **TESTED,
    }
    assert levels(files)("integration.application-tests") == level


@pytest.mark.parametrize(
    ("action", "given", "expected"),
    [
        ("acme/actions/deploy@v1", "{dockerfile: Dockerfile, image-name: api}", (4, 4)),
        ("acme/deploy-to-cluster@v2", "{cluster: live}", (4, 4)),
        ("acme/deploy-docs@v2", "{folder: site}", (1, 0)),
        ("acme/deployment-status@v2", "{state: success}", (1, 0)),
        ("acme/actions/setup@v1", "{image-name: api}", (1, 0)),
    ],
)
def test_an_action_that_nobody_knows_is_told_by_its_name(action: str, given: str, expected: tuple[int, int]) -> None:
    step = f"      - uses: {action}\n        with: {given}\n"
    found = levels({".github/workflows/d.yml": f"on: push\njobs:\n  d:\n    runs-on: u\n    steps:\n{step}"})
    assert (found("release.process"), found("integration.builds")) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("ml.projects().models().versions().create(parent=p, body=b)", (2, 4)),
        ("ml.projects().models().versions().list(parent=p)", (1, 1)),
    ],
)
def test_a_version_of_ai_platform_is_made_through_the_discovery_client(call: str, expected: tuple[int, int]) -> None:
    client = "from googleapiclient import discovery\n\nml = discovery.build('ml', 'v1')\n"
    direct = levels({"deploy.py": f"{client}{call}.execute()\n"})
    resource, method = call.rsplit(".", 1)
    held = levels({"deploy.py": f"{client}versions = {resource}\nversions.{method}.execute()\n"})
    assert (direct("release.process"), direct("creation.versioning")) == expected
    assert (held("release.process"), held("creation.versioning")) == expected


@pytest.mark.parametrize(("module", "level"), [("azureml.datadrift", 4), ("ours.checks", 0)])
def test_a_drift_detector_of_azure_runs_by_itself(module: str, level: int) -> None:
    script = f"from {module} import DataDriftDetector\n\nDataDriftDetector.create_from_datasets(w, 'deployed', a, b).enable_schedule()\n"
    assert levels({"watch.py": script})("operations.feedback") == level


@pytest.mark.parametrize(
    ("path", "last", "level"), [("tests", "load_model", 4), ("tests", "get_run", 2), ("tests/unit", "load_model", 2)]
)
def test_a_model_that_is_registered_and_fetched_again_crossed_to_a_registry(path: str, last: str, level: int) -> None:
    test = (
        "import mlflow\n\n\ndef test_it(tmp_path):\n    mlflow.set_tracking_uri(tmp_path)\n    mlflow.register_model('runs:/1/m', 'm')\n"
        f"    assert mlflow.pyfunc.{last}('models:/m/1')\n"
    )
    files = {
        ".github/workflows/t.yml": "on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: pytest\n",
        f"{path}/test_registry.py": test,
        "tests/unit/test_train.py": TESTED["tests/unit/test_train.py"],
    }
    assert levels(files)("integration.application-tests") == level


INTEGRATES = (
    "on: [push]\njobs:\n  unit:\n    runs-on: u\n    steps:\n      - run: python -m pytest tests/unit\n"
    "  integration:\n    runs-on: u\n    steps:\n      - run: {}\n"
)


@pytest.mark.parametrize(
    ("command", "level"),
    [
        ("curl -fsS -o /dev/null http://localhost:8000/ready", 4),
        ("curl -fsSL https://get.docker.com | sh", 2),
        ("curl -fsSL https://x.org/rides.csv -o rides.csv", 2),
    ],
)
def test_a_download_asks_no_service(command: str, level: int) -> None:
    assert (
        levels({".github/workflows/x.yml": INTEGRATES.format(command), **TESTED})("integration.application-tests")
        == level
    )
