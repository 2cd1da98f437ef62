"""Where training runs, what starts it, what brings in new data, who releases: what counts and what does not."""

# ruff: noqa: E501 - a table reads better unwrapped

from datetime import UTC, date, datetime

import pytest

from gradino import maturity
from gradino.measure.assessment import conclude
from gradino.measure.history import Commit, History
from gradino.measure.scene import survey
from gradino.measure.tree import Tree
from tests.measure.test_collectors import levels

SLURM = "#!/bin/bash\n{}\nsrun python train.py\n"
TRAINER = "from {} import ModelTrainer\n\ntrainer = ModelTrainer(image='x')\ntrainer.train()\n"
DAGSTER = "import dagster as dg\nfrom train import train\n\n\n@dg.asset\ndef model():\n    train()\n"
INTEGRATION = (
    "on: push\njobs:\n  ci:\n    runs-on: u\n    steps:\n      - run: ./check.sh\n        working-directory: {}\n"
)
MLPROJECT = "entry_points:\n  main:\n    command: python train.py\n  validate:\n    command: python check.py\n"
CI = "on: push\njobs:\n  x:\n    runs-on: u\n    steps:\n      - run: {}\n"
JOB = '{{"new_cluster": {{"spark_version": "15.4.x-cpu-ml-scala2.12"}}, "spark_python_task": {{"python_file": "dbfs:/code/{}"}}}}'
AZURE = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ncommand: {}\n{}\n"
CUSTOM = (
    "from kubernetes import client\nimport mlflow\nclient.CustomObjectsApi().create_namespaced_custom_object(body)\n"
)
BUNDLE = (
    "bundle: {{name: x}}\ntargets:\n  dev:\n    mode: {}\nresources:\n  jobs:\n    fit:\n      schedule: {{quartz_cron_expression: 0 0 1 * * ?}}\n"
    "      tasks:\n        - task_key: fit\n          spark_python_task: {{python_file: train.py}}\n"
)

WHEEL = "bundle: {{name: x}}\nresources:\n  jobs:\n    fit:\n      tasks:\n        - task_key: fit\n          python_wheel_task: {{package_name: x, entry_point: {}}}\n          existing_cluster_id: '1'\n"
SCRIPTS = '[project]\nname = "x"\n[project.scripts]\nfit-model = "train:train"\n'


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"submit.py": TRAINER.format("sagemaker.train.model_trainer")}, 4),
        ({"submit.py": TRAINER.format("bikes.model_trainer")}, 1),
        ({"job.py": DAGSTER}, 1),  # in the process of whoever clicks
        ({"job.py": f"{DAGSTER}\ndg.ScheduleDefinition(job=model, cron_schedule='0 1 * * *')\n"}, 4),
        ({"fit.sbatch": SLURM.format("#SBATCH --gres=gpu:1")}, 4),
        ({"fit.sh": SLURM.format("#PBS -l nodes=1")}, 4),
        ({"fit.sh": SLURM.format("# takes an hour")}, 1),
        ({"submit.py": "import submitit\nsubmitit.AutoExecutor(folder='x').submit(fit)\n"}, 4),
        ({"cluster/fit.py": CUSTOM}, 4),
        ({"deployers/kserve.py": CUSTOM}, 1),
        ({"Makefile": "fit:\n\twandb launch --queue gpu --uri .\n"}, 4),
        ({"Makefile": "fit:\n\twandb login\n"}, 1),
        ({"scripts/fit.sh": "gcloud ai custom-jobs create --config=job.yaml\n"}, 4),
        ({"tests/fit.sh": "gcloud ai custom-jobs create --config=job.yaml\n"}, 1),
        ({"scripts/fit.sh": "echo gcloud ai custom-jobs create\n"}, 1),
        ({"job.json": JOB.format("train.py")}, 4),
        ({"job.json": JOB.format("api.py")}, 1),
        ({"job.yml": AZURE.format("python main.py", "compute: azureml:gpu")}, 4),
        ({"job.yml": AZURE.format("python main.py", "environment: x")}, 1),
        ({"score-job.yml": AZURE.format("python main.py", "compute: azureml:gpu")}, 1),
        ({"databricks.yml": WHEEL.format("fit-model"), "pyproject.toml": SCRIPTS}, 4),
        ({"databricks.yml": WHEEL.format("other"), "pyproject.toml": SCRIPTS}, 1),
        ({"databricks.yml": BUNDLE.format("development")}, 4),  # paused there, but whoever likes can run it
        ({"it/check.sh": "python ../train.py\n", ".github/workflows/x.yml": INTEGRATION.format("it")}, 4),
        ({"integration_tests/check.sh": "python ../train.py\n", ".github/workflows/x.yml": INTEGRATION.format("integration_tests")}, 1),
        ({"MLproject": MLPROJECT, "check.py": "", ".github/workflows/x.yml": CI.format("mlflow run .")}, 4),
        ({"MLproject": MLPROJECT, "check.py": "", ".github/workflows/x.yml": CI.format("mlflow run . -e validate")}, 1),
        ({"Dockerfile": "CMD python train.py\n", ".github/workflows/x.yml": CI.format("docker run --rm img")}, 4),
        ({"Dockerfile": "CMD python train.py\n", ".github/workflows/x.yml": CI.format("docker run --rm img python -c 'import x'")}, 1),
        ({"dvc.yaml": "stages:\n  fit:\n    cmd: python train.py\n", ".github/workflows/x.yml": CI.format("dvc exp run --pull -S model=${{ inputs.model }}")}, 4),
    ],
)  # fmt: skip
def test_what_is_defined_compute(files: dict[str, str], level: int) -> None:
    assert levels(files)("creation.compute") == level


STATES = '{"StartAt": "Fit", "States": {"Fit": {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync"}}}'
CDK = "new sfn.StateMachine(this, 'm', {{}});\nnew tasks.SageMakerCreateTrainingJob(this, 'fit', {{}});\n{}"
UPLOAD = "bucket.addEventNotification(s3.EventType.OBJECT_CREATED, target);\n"
NIGHTLY = (
    "new events.Rule(this, 'r', { schedule: events.Schedule.rate(day), targets: [new targets.SfnStateMachine(m)] });\n"
)


@pytest.mark.parametrize(
    ("files", "compute", "training"),
    [
        ({"machine.asl.json": STATES}, 4, 1),  # a person starts it
        ({"lib/stack.ts": CDK.format(UPLOAD)}, 4, 3),
        ({"lib/stack.ts": CDK.format(NIGHTLY)}, 4, 3),
        ({"machine.asl.json": STATES, "lib/stack.ts": UPLOAD}, 4, 3),  # wired in another file
        ({"machine.asl.json": STATES.replace("sagemaker:createTrainingJob.sync", "lambda:invoke")}, 1, 1),
        (
            {
                "machine.asl.json": STATES.replace("sagemaker:createTrainingJob.sync", "lambda:invoke").replace(
                    "Fit", "TrainModel"
                )
            },
            4,
            1,
        ),
        (
            {
                "lib/stack.ts": "new sfn.StateMachine(this, 'm');\nnew tasks.LambdaInvoke(this, 'Retrain', {});\n"
                + UPLOAD
            },
            4,
            3,
        ),
        (
            {
                "lib/stack.ts": "new sfn.StateMachine(this, 'm');\nnew tasks.LambdaInvoke(this, 'Constraints', {});\n"
                + UPLOAD
            },
            1,
            1,
        ),
        ({"node_modules/x/machine.asl.json": STATES}, 1, 1),
    ],
)
def test_a_state_machine_that_trains(files: dict[str, str], compute: int, training: int) -> None:
    found = levels(files)
    assert (found("creation.compute"), found("creation.training")) == (compute, training)


AMP = "name: x\ntasks:\n  - type: {}\n    script: train.py\n"


@pytest.mark.parametrize(
    ("text", "compute", "process"),
    [
        (AMP.format("run_session"), 4, 1),
        (AMP.format("create_job") + "  - type: deploy_model\n    name: x\n", 4, 2),
        ("name: x\ntasks:\n  - type: run_session\n    script: missing.py\n", 1, 1),
        ("tasks: nothing\n", 1, 1),
    ],
)
def test_tasks_of_a_cloudera_prototype_wait_for_a_person(text: str, compute: int, process: int) -> None:
    found = levels({".project-metadata.yaml": text})
    assert (found("creation.compute"), found("release.process"), found("creation.training")) == (compute, process, 1)


ROUTE = "from fastapi import FastAPI\nfrom train import train\napp = FastAPI()\n\n@app.post('/retrain')\ndef again():\n    train()\n"
SCHEDULER = "gcloud scheduler jobs create http nightly --schedule='0 3 * * *' --uri=https://x.run.app{}\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"deploy.sh": SCHEDULER.format("/retrain")}, 3),
        ({"deploy.sh": SCHEDULER.format("/retrain-later")}, 1),
        ({"deploy.sh": "curl -X POST https://x.run.app/retrain\n"}, 1),
        (
            {
                "main.tf": 'resource "google_cloud_scheduler_job" "n" {\n  http_target { uri = "https://x/retrain" }\n}\n'
            },
            3,
        ),
        ({"tests/make.sh": SCHEDULER.format("/retrain")}, 1),
    ],
)
def test_a_cloud_scheduler_does_what_the_route_does(files: dict[str, str], level: int) -> None:
    assert levels({"service.py": ROUTE, **files})("creation.training") == level


@pytest.mark.parametrize(
    ("author", "title", "level"),
    [
        ("release-bot", "chore: promote model 12 to production", 4),
        ("github-actions[bot]", "chore(main): release 1.85.10", 2),  # the package
        ("github-actions[bot]", "update image of the server to 0.9.3", 2),
        ("Ada Lovelace", "promote model 12 to production", 2),
    ],
)
def test_a_machine_that_releases_models_leans_less_on_data_scientists(author: str, title: str, level: int) -> None:
    history = History([Commit("0" * 40, author, datetime(2026, 1, 1, tzinfo=UTC), title, 1)])
    found = conclude(survey(Tree("0" * 40, {}, {}.get), history), maturity.load(), "x", date(2026, 1, 1))
    assert found.track("integration.independence").level.wired == level


DAILY = (
    "on:\n  schedule: [{cron: '0 3 * * *'}]\njobs:\n  x:\n    runs-on: u\n    steps:\n      - run: python fetch.py\n"
)


@pytest.mark.parametrize(
    ("script", "level"),
    [
        ("import yfinance as yf\nyf.download('X')\n", 4),
        ("import quandl\nquandl.get('X')\n", 4),
        ("polygon = shape()\npolygon.area()\n", 0),  # a name, not the package
        ("import pandas as pd\npd.read_csv('https://archive.ics.uci.edu/iris.data')\n", 0),
    ],
)
def test_what_brings_in_new_data(script: str, level: int) -> None:
    files = {"fetch.py": f"import requests\n{script}", ".github/workflows/daily.yml": DAILY}
    assert levels(files)("creation.data-collection") == level
