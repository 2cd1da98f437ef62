"""What makes runs tracked and models versioned: trackers and registries of many makers, and what only looks like one."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

FIT = "    SVC().fit(x, y)\n"
HYDRA = "wandb:\n  _target_: lightning.pytorch.loggers.wandb.WandbLogger\n"
SAGEMAKER = "import sagemaker\nestimator = sagemaker.estimator.Estimator(image{})\nestimator.fit(inputs)\n"


def training(before: str, inside: str = "") -> dict[str, str]:
    """A training script with an import and a line beside the fit."""
    return {
        "train.py": f"{before}\nfrom sklearn.svm import SVC\n\ndef train():\n{FIT}    {inside or 'pass'}\n\ntrain()\n"
    }


@pytest.mark.parametrize(
    ("files", "tracked"),
    [
        (training("import mlflow", "mlflow.log_metric('m', 1)"), True),
        (training("import mlflow", "mlflow.autolog()"), True),
        (training("import wandb", "run = wandb.init(); run.log({'m': 1})"), True),
        (training("import neptune.new as neptune", "neptune.init_run()"), True),
        (training("from aim import Run", "Run()"), True),
        (training("from lightning.pytorch.loggers import CometLogger", "CometLogger()"), True),
        (training("from ignite.contrib.handlers import ClearMLLogger", "ClearMLLogger()"), True),
        (training("from accelerate import Accelerator", "Accelerator(log_with='wandb')"), True),
        (training("from transformers import TrainingArguments", "TrainingArguments(report_to=['mlflow'])"), True),
        (training("from transformers import TrainingArguments", "TrainingArguments(report_to='none')"), False),
        (training("from optuna.integration import MLflowCallback", "MLflowCallback()"), True),
        (training("import cml.metrics_v1 as metrics", "metrics.track_metric('m', 1)"), True),
        (training("import mlrun", "mlrun.get_or_create_ctx('x')"), True),
        (training("from transformers import Trainer", "trainer.log_metrics('train', m)"), False),
        (training("from helpers import log_metrics", "log_metrics(m)") | {"helpers.py": "def log_metrics(m):\n    print(m)\n"}, False),
        # A runner that the files which fit never meet by import.
        ({"runner.py": "import mlflow\nfrom base import Model\n\ndef run(model: Model):\n    mlflow.log_metric('m', model.go())\n"}, True),
        # Production's metrics are no record of training.
        ({"monitor.py": "import mlflow\nmlflow.log_metric('drift', 1)\n"}, False),
        ({"daily.py": "import mlflow\nfrom evidently import Report\nmlflow.log_metric('drift', 1)\n"}, False),
        # A platform's training job reports what it is told to look for, or what its own algorithms print.
        ({"job.py": SAGEMAKER.format(", metric_definitions=[{'Name': 'm'}]")}, True),
        ({"job.py": "from sagemaker import image_uris\nimage = image_uris.retrieve('xgboost', region)\n" + SAGEMAKER.format("")}, True),
        ({"job.py": SAGEMAKER.format("")}, False),
        ({"train.R": "library(mlflow)\nmlflow_log_metric('m', 1)\n"}, True),
        ({"train.R": "# mlflow_log_metric('m', 1)\n"}, False),
        ({"train.jl": "using MLFlowClient\nlogmetric(mlf, run, \"m\", 1)\n"}, True),
        ({"Train.scala": "import org.mlflow.tracking._\nclient.logMetric(id, \"m\", 1)\n"}, True),
        # A table of runs that the project keeps itself.
        (training("import sqlite3", "db.execute('INSERT INTO training_runs VALUES (?, ?)', (c, auc))"), True),
        (training("import pandas", "frame.to_sql('model_metrics', engine, if_exists='append')"), True),
        (training("import sqlite3", "db.execute('INSERT INTO training_data VALUES (?, ?)', row)"), False),
        (training("import sqlite3", "db.execute('INSERT INTO model_info (name, accuracy, recall) VALUES (?, ?, ?)', row)"), True),
        (training("import sqlite3", "db.execute('INSERT INTO quality_threshold (name, accuracy) VALUES (?, ?)', row)"), False),
        (training("from store import Run", "session.add(TrainingRun(f1=f1))"), True),
        (training("from store import Run", "session.add(Customer(f1=f1))"), False),
        (training("import supabase", "client.table('model_runs').insert(row).execute()"), True),
        (training("import supabase", "client.table('model_runs').select('*').execute()"), False),
        (training("import pymongo", "db['runs'].insert_one(row)"), True),
        (training("import sqlite3", "db.execute('INSERT INTO features VALUES (1)'); folder = 'runs'"), False),
        (training("from google.cloud import bigquery", "client.insert_rows_json(f'{dataset}.run_registry', [row])"), True),
        (training("from google.cloud import bigquery", "client.insert_rows_json(f'{dataset}.run_away', [row])"), False),
        (training("from google_cloud_pipeline_components import aiplatform as ops", "ops.AutoMLImageTrainingJobRunOp(dataset=d)"), True),
        (training("from google_cloud_pipeline_components import aiplatform as ops", "ops.ImageDatasetCreateOp(dataset=d)"), False),
        (training("import requests", "requests.post(f'{uri}/api/2.0/mlflow/runs/log-metric', json=m)"), True),
        (training("import json", "json.dump(m, open('mlpipeline-metrics.json', 'w'))"), True),
        ({"config.cfg": "[training.logger]\n@loggers = \"spacy.WandbLogger.v3\"\n"}, True),
        ({"model/config.cfg": "[training.logger]\n@loggers = \"spacy.WandbLogger.v3\"\n", "model/meta.json": "{}"}, False),
        ({"config.cfg": "[training.logger]\n@loggers = \"spacy.ConsoleLogger.v1\"\n"}, False),
        # What a configuration tells the trainer.
        ({"run.sh": "python train.py --lr 1 --report_to wandb\n"}, True),
        ({"run.sh": "python train.py --lr 1 --report_to none\n"}, False),
        ({"conf/sft.yaml": "training:\n  report_to:\n    - mlflow\n"}, True),
        ({"settings.py": "class Config:\n    report_to: str = 'wandb'\n"}, True),
        ({"conf/train.yaml": "defaults:\n  - logger: wandb\n", "conf/logger/wandb.yaml": HYDRA}, True),
        ({"conf/train.yaml": "defaults:\n  - logger: null\n", "conf/logger/wandb.yaml": HYDRA}, False),
        ({"Shop.java": "metrics.logMetric(\"sold\", 1);\n"}, False),
    ],
)  # fmt: skip
def test_a_run_is_tracked_whatever_keeps_it(files: dict[str, str], tracked: bool) -> None:
    found = levels(files)
    assert (found("creation.experiments"), found("operations.metrics")) == ((4, 3) if tracked else (1, 1))


RUNNER = (
    "# deploys\nimport subprocess\nfrom registry import add\n\nsubprocess.run(['python', '{}'], check=True)\nadd(1)\n"
)
REGISTRY = "def add(model):\n    joblib.dump(model, root / version / 'model.joblib')\n    index.append({'version': version})\n    json.dump(index, open(root / 'manifest.json', 'w'))\n"
SPACY = "remotes:\n  default: s3://bucket\ncommands:\n  - name: push\n    script: ['python -m spacy project push']\n"
KFP = "from kfp import dsl\nfrom train import train\n\n@dsl.pipeline\ndef p():\n    train()\n"


@pytest.mark.parametrize(
    ("files", "versioned"),
    [
        (training("import mlflow", "mlflow.sklearn.log_model(m, 'm')"), True),
        (training("from lightning.pytorch.loggers import WandbLogger", "WandbLogger(log_model=cfg.log_model)"), True),
        (training("from lightning.pytorch.loggers import WandbLogger", "WandbLogger(log_model=False)"), False),
        (training("from store import upload_bytes", "upload_bytes(m, f'artifacts/{run_id}/model.pkl')"), True),
        (training("from store import show", "show(m, f'artifacts/{run_id}/model.pkl')"), False),
        (training("import joblib", "joblib.dump(m, 'model.pkl')"), False),
        # Platforms that keep what each run makes under the run's name.
        ({"job.py": SAGEMAKER.format("")}, True),
        ({"pipeline.py": KFP}, True),
        ({"pipeline.py": "from tfx.components import Trainer\nimport kfp\nTrainer(module_file=m)\n"}, True),
        ({"flow.py": "from metaflow import FlowSpec, step\nfrom train import train\nclass F(FlowSpec):\n    @step\n    def start(self):\n        train()\n"}, True),
        ({"job.py": "from google.cloud import aiplatform\naiplatform.CustomTrainingJob(display_name='t', model_serving_container_image_uri=image).run()\n"}, True),
        ({"bq.py": "from google.cloud import bigquery\nclient.query(\"CREATE OR REPLACE MODEL m OPTIONS (MODEL_REGISTRY='VERTEX_AI') AS SELECT 1\")\n"}, True),
        # Whoever names the version that it loads has versions.
        ({"serve.py": "from transformers import AutoModel\nAutoModel.from_pretrained('o/m', revision='4f2c1d')\n"}, True),
        ({"serve.py": "from transformers import AutoModel\nAutoModel.from_pretrained('o/m', revision='main')\n"}, False),
        ({"serve.py": "from transformers import AutoModel\nAutoModel.from_pretrained('o/m')\n"}, False),
        ({"fetch.py": "import mlflow\nmlflow.artifacts.download_artifacts(f'runs:/{run}/model.pkl')\n"}, True),
        ({"serve.py": "import mlflow\nmodel = mlflow.pyfunc.load_model('models:/m/3')\n"}, True),
        ({"build.py": "import boto3\nboto3.client('sagemaker').list_model_packages(ModelPackageGroupName=group)\n"}, True),
        ({"monitor.py": "import aporia\naporia.create_model_version(model_id='m', model_version='1')\n"}, False),
        ({"project.yml": SPACY}, True),
        # Models put up under a name that their run gives them.
        (training("import boto3", "s3.upload_file('m.pkl', bucket, f'models/{run_id}/model.pkl')"), True),
        (training("from google.cloud import storage", "bucket.blob(f'{commit_sha}/model.joblib').upload_from_filename('m')"), True),
        (training("import boto3", "s3.upload_file('m.pkl', bucket, 'models/model.pkl')"), False),
        (training("import boto3", "s3.upload_file('m.pkl', bucket, 'm.pkl'); print(f'model of run {run_id}')"), False),
        (training("import boto3", "open(f'models/{run_id}/model.pkl', 'wb')"), False),
        (training("from storage import put", "put(f'models/{run_id}/model.pkl')") | {"storage.py": "def put(key):\n    s3.upload_file('m', key)\n"}, True),
        (training("import os, boto3", "s3.upload_file('m', os.path.join('models', run_id, 'model.pkl'))"), True),
        ({"Makefile": "train:\n\tpython train.py\n\taws s3 cp model.pkl s3://b/$$GIT_SHA/model.pkl\n"}, True),
        ({"Makefile": "train:\n\tpython train.py\n\taws s3 cp model.pkl s3://b/model.pkl\n"}, False),
        ({"azure-pipelines.yml": "trigger: [main]\nsteps:\n  - script: az ml model create -f model.yml\n"}, True),
        (training("import fsspec", "joblib.dump(m, fsspec.open(f's3://b/{version}/model.pkl', 'wb'))"), True),
        (training("import joblib", "joblib.dump(m, open(f'models/{version}/model.pkl', 'wb'))"), False),
        # A registry of the project's own: files by version and a list of them.
        (training("from registry import add", "add(m)") | {"registry.py": REGISTRY}, True),
        (training("from registry import add", "add(m)") | {"registry.py": REGISTRY.replace("/ version ", "")}, False),
        (training("from registry import add", "add(m)") | {"registry.py": REGISTRY.replace("'version': version", "'score': score")}, False),
        (training("import joblib", "add(m)") | {"registry.py": REGISTRY}, False),
        (training("import joblib", "joblib.dump(m, 'm.pkl')") | {"registry.py": REGISTRY, "all.py": RUNNER.format("train.py")}, True),
        (training("import joblib", "joblib.dump(m, 'm.pkl')") | {"registry.py": REGISTRY, "all.py": RUNNER.format("other.py")}, False),
        ({"project.yml": SPACY.replace("  default: s3://bucket\n", "")}, False),
        ({"fit.R": "library(vetiver)\nvetiver_pin_write(board, v)\n"}, True),
    ],
)  # fmt: skip
def test_a_model_is_versioned_whatever_keeps_it(files: dict[str, str], versioned: bool) -> None:
    assert levels(files)("creation.versioning") == (4 if versioned else 1)


def test_a_copy_of_others_model_is_no_version() -> None:
    kept = "import bentoml\nbentoml.transformers.save_model('m', fetched)\n"
    assert levels({"train.py": "x = 1\n", "save.py": kept})("creation.versioning") == 1
    assert levels({"save.py": kept})("creation.versioning") == 4


SCHEDULE = "$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json\ntrigger: {type: cron, expression: '0 0 * * 0'}\n"
JOB = "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\njobs:\n  a:\n    command: python {}.py\n"
DRIFT = {"drift.py": "from evidently.metric_preset import DataDriftPreset\nDataDriftPreset()\n"}


def test_a_schedule_of_azure_does_what_its_job_does() -> None:
    runs = {"ml/schedule.yml": SCHEDULE + "create_job: ./job.yml\n"}
    drift = levels({**runs, **DRIFT, "ml/job.yml": JOB.format("drift")})
    assert (drift("creation.training"), drift("operations.feedback"), drift("operations.metrics")) == (1, 4, 4)
    assert levels({**runs, "ml/job.yml": JOB.format("train")})("creation.training") == 3
    assert (
        levels(
            {
                **runs,
                "ml/schedule.yml": runs["ml/schedule.yml"] + "is_enabled: false\n",
                **DRIFT,
                "ml/job.yml": JOB.format("drift"),
            }
        )("operations.feedback")
        == 3
    )


def test_drift_is_central_where_it_is_kept() -> None:
    kept = "from evidently.metric_preset import DataDriftPreset\nresult = DataDriftPreset()\n{}"
    assert levels({"drift.py": kept.format("session.add(Row(result))\n")})("operations.metrics") == 4
    assert levels({"drift.py": kept.format("sys.path.insert(0, 'x')\n")})("operations.metrics") == 1


ANSWERS = "from fastapi import FastAPI\nimport joblib, logging\nlogger = logging.getLogger()\napp = FastAPI()\nmodel = joblib.load('m')\n\n@app.post('/predict')\ndef predict(x):\n    y = model.predict(x)\n    {}\n    return y\n"
ASKS = (
    ANSWERS.format("session.add(Row(y))")
    .replace("joblib.load('m')", "mlflow.pyfunc.load_model('models:/{}@champion')")
    .replace("import joblib", "import mlflow")
)
REGISTERS = "import mlflow\nmlflow.register_model(f'runs:/{run}/model', 'm')\n"
REVIEW = "import pandas, requests\nrows = pandas.read_sql('select * from predictions', engine)\nif rows.error.mean() > 1:\n    requests.post(SLACK_WEBHOOK, json={})\n"
WEEKLY = "on:\n  schedule: [{cron: '0 6 * * 1'}]\njobs:\n  r:\n    steps:\n      - run: python review.py\n"
KSERVE = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n  name: m\nspec:\n  predictor:\n    sklearn: {storageUri: gs://b/m}\n"
STORE = "class Rows:\n    def save(self, y):\n        {}\n"
RULES = "additionalPrometheusRules:\n  - groups:\n      - rules:\n          - alert: Unsure\n            expr: {}\n            annotations: prediction entropy\n"
KEEPS = "import joblib\nfrom fastapi import FastAPI\nfrom queries import KEEP\n\napp = FastAPI()\nmodel = joblib.load('m')\n\n\n@app.post('/predict')\ndef predict(x):\n    y = model.predict(x)\n    db.execute(KEEP, {'y': y})\n    return y\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"api.py": ANSWERS.format("logger.info('request received')")}, 0),
        ({"api.py": ANSWERS.format("logger.info(f'Prediction took time: {seconds}')")}, 0),
        ({"api.py": ANSWERS.format("logger.info(f'Prediction: {y}')")}, 3),
        ({"api.py": ANSWERS.format("logger.info('Outputs: %s', y)")}, 3),
        ({"api.py": ANSWERS.format("state.record_predictions([y])")}, 3),
        ({"api.py": ANSWERS.format("prediction_logger.save_to_db(y)")}, 3),
        ({"api.py": ANSWERS.format("app.record_shop(y)")}, 0),
        # On the way from the question to the answer, whatever the row, the file or the message is called.
        ({"api.py": ANSWERS.format("repo.save(y)").replace("app =", "from store import Rows\nrepo = Rows()\napp ="), "store.py": STORE.format("session.add(Row(y))")}, 3),
        ({"api.py": ANSWERS.format("repo.save(y)").replace("app =", "from store import Rows\nrepo = Rows()\napp ="), "store.py": STORE.format("pass")}, 0),
        ({"api.py": ANSWERS.format("pass"), "store.py": STORE.format("session.add(Row(y))")}, 0),
        ({"api.py": ANSWERS.format("db.execute('INSERT INTO t VALUES (?)', (y,))")}, 3),
        ({"api.py": ANSWERS.format("client.table('t').insert({'y': y}).execute()")}, 3),
        ({"api.py": ANSWERS.format("csv.writer(open('log.csv', 'a')).writerow([y])")}, 3),
        ({"api.py": ANSWERS.format("csv.writer(open('page.csv', 'w')).writerow([y])")}, 0),
        ({"api.py": ANSWERS.format("log.info('done', prediction=y)")}, 3),
        ({"api.py": ANSWERS.format("log.info('prediction done')")}, 0),
        ({"api.py": ANSWERS.format("logger.info(f'{len(features)} columns')")}, 0),
        ({"api.py": ANSWERS.format("logger.info('Predicted label=%s', y)")}, 3),
        ({"api.py": ANSWERS.format("logger.info('Prediction result is {}'.format(y))")}, 3),
        ({"api.py": ANSWERS.format("db.execute(SQL, y)").replace("app =", "from sql import SQL\napp ="), "sql.py": "SQL = 'INSERT INTO t VALUES (?)'\n"}, 3),
        ({"api.py": ANSWERS.format("db.execute(SQL, y)").replace("app =", "from sql import SQL\napp ="), "sql.py": "SQL = 'SELECT * FROM t'\n"}, 0),
        # A client that asks the registry for a name under which nobody registers.
        ({"api.py": ASKS.format("m"), "register.py": REGISTERS}, 3),
        ({"api.py": ASKS.format("model"), "register.py": REGISTERS}, 0),
        ({"api.py": ASKS.format("model"), "register.py": REGISTERS.replace("'m')", "name)")}, 3),
        ({"api.py": ASKS.format("model"), "register.py": REGISTERS, "compose.yml": "services: {api: {environment: {NAME: m}}}\n"}, 3),
        ({"api.py": KEEPS, "queries.py": "from sqlalchemy import text\n\nKEEP = text('INSERT INTO answers VALUES (:y)')\n"}, 3),
        ({"api.py": KEEPS, "queries.py": "from sqlalchemy import text\n\nKEEP = text('SELECT :y')\n"}, 0),
        # Whoever looks back at the answers and tells somebody, by itself or by hand.
        ({"review.py": REVIEW, ".github/workflows/r.yml": WEEKLY}, 4),
        ({"review.py": REVIEW, ".github/workflows/r.yml": WEEKLY.replace("schedule: [{cron: '0 6 * * 1'}]", "workflow_dispatch:")}, 3),
        ({"review.py": REVIEW.replace("predictions", "orders"), ".github/workflows/r.yml": WEEKLY}, 0),
        ({"train.py": f"{REVIEW}SVC().fit(rows.x, rows.y)\n", ".github/workflows/r.yml": WEEKLY.replace("review", "train")}, 0),
        ({"api.py": ANSWERS.format("check_confidence(y)") + "\ndef check_confidence(y):\n    requests.post(SLACK_WEBHOOK, json=y)\n"}, 4),
        ({"alarm.py": "import sagemaker\ncloudwatch.put_metric_alarm(Namespace='AWS/SageMaker', MetricName='ModelLatency')\n"}, 4),
        ({"alarm.py": "import requests\ncloudwatch.put_metric_alarm(Namespace='AWS/EC2', MetricName='CPUUtilization')\n"}, 0),
        ({"deploy.py": "config = {}\nconfig['auto_capture_config'] = {'enabled': True}\ndeploy(config)\n"}, 3),
        ({"batch.py": "job.create(model_display_name='m', monitoring_skew_config=skew)\ndeploy(job)\n"}, 3),
        ({"check.py": "from stats import check_feature_drift\ncheck_feature_drift(new, old)\n"}, 3),
        ({"steps.py": "from zenml.integrations.evidently.steps import evidently_report_step\nevidently_report_step()\n"}, 3),
        ({"monitoring/values.yaml": RULES.format("api_entropy > 0.7")}, 4),
        ({"monitoring/values.yaml": RULES.format("1 > 0")}, 0),
        ({"monitoring/values.yaml": RULES.format("api_entropy > 0.7").replace("- alert", "# - alert")}, 0),
        ({"grafana/rules.yml": "groups:\n  - orgId: 1\n    rules:\n      - title: Slow\n        condition: C\n        data:\n          - expr: prediction_latency\n"}, 4),
        ({"alarms.sh": "aws cloudwatch put-metric-alarm --namespace AWS/SageMaker \\\n  --metric-name ModelLatency\n"}, 4),
        ({"alarms.sh": "aws cloudwatch put-metric-alarm --namespace AWS/EC2 --metric-name CPUUtilization\n"}, 0),
        ({"isvc.yaml": KSERVE + "    logger:\n      mode: all\n"}, 3),
        ({"isvc.yaml": KSERVE}, 0),
        ({"monitor.py": "import sagemaker\nmonitor = DefaultModelMonitor(role=role)\nmonitor.create_monitoring_schedule(endpoint_input=e)\n"}, 4),
        ({"monitor.py": "import sagemaker\nmonitor = DefaultModelMonitor(role=role)\n"}, 3),
        ({"refresh.py": "from databricks.sdk import WorkspaceClient\nw = WorkspaceClient()\nw.quality_monitors.run_refresh(table_name=t)\ndeploy()\n"}, 3),
        ({"main.tf": 'resource "aws_cloudwatch_metric_alarm" "webserver_cpu" {\n  metric_name = "CPUUtilization"\n}\n'}, 0),
        # Counters of a project that answers nobody are not about a deployed model.
        ({"api.py": "x = 1\n", "push.py": "from prometheus_client import Gauge, push_to_gateway\nGauge('rows', 'r').set(1)\n"}, 0),
    ],
)  # fmt: skip
def test_what_the_deployed_model_does_is_noted(files: dict[str, str], level: int) -> None:
    assert levels(files)("operations.feedback") == level


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"docs/postmortems/2024-05-03-null.md": "Fixed in #41, held by tests/test_null.py\n"}, 4),
        ({"INCIDENTS.md": "## 2024-05-03\nNull ages, now refused by tests/test_null.py\n"}, 4),
        ({"docs/postmortems/template.md": "## 20yy-mm-dd\n"}, 3),
        ({"docs/incident-response.md": "On 2024-05-03 we agreed on severities, see #4\n"}, 3),
        ({"tests/test_a.py": "def test_incident_41_null_age():\n    assert predict(None)\n"}, 4),
    ],
)
def test_an_incident_that_led_to_something(files: dict[str, str], level: int) -> None:
    assert levels(files)("operations.learning") == level


BOARD = """import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
const board = new cloudwatch.Dashboard(this, 'b', {});
const latency = new cloudwatch.Metric({ namespace: '%s', metricName: 'm' });
"""


def test_a_service_sends_its_numbers_to_one_place() -> None:
    sends = "cloudwatch.put_metric_data(Namespace='m', MetricData=[y])"
    assert levels({"api.py": ANSWERS.format(sends)})("operations.metrics") == 4
    assert (
        levels({"api.py": ANSWERS.format("pass"), "bill.py": f"import requests\n{sends}\n"})("operations.metrics") == 1
    )


def test_a_dashboard_collects_what_it_shows() -> None:
    terraform = 'resource "aws_cloudwatch_dashboard" "b" {\n  dashboard_body = "%s"\n}\n'
    assert levels({"board.tf": terraform % "AWS/SageMaker ModelLatency"})("operations.metrics") == 4
    assert levels({"board.tf": terraform % "AWS/EC2 CPUUtilization"})("operations.metrics") == 1
    assert levels({"lib/board.ts": BOARD % "AWS/SageMaker"})("operations.metrics") == 4
    assert levels({"lib/board.ts": BOARD % "AWS/SNS"})("operations.metrics") == 1


LINEAGE = "import hashlib, subprocess\n\ndef commit():\n    return subprocess.check_output(['git', 'rev-parse', 'HEAD'])\n\ndef file_digest(path):\n    return hashlib.sha256(open(path, 'rb').read()).hexdigest()\n"
RUN = training(
    "import mlflow\nfrom lineage import commit, file_digest",
    "mlflow.set_tags({'code': commit(), 'data': file_digest('d.csv')}); mlflow.sklearn.log_model(m, 'm')",
)
DEPLOYS = {".github/workflows/cd.yml": "on: [push]\njobs:\n  d:\n    steps:\n      - run: kubectl apply -f k8s\n"}
UPLOAD = training(
    "import boto3, json\nfrom lineage import commit, file_digest",
    "json.dump({'commit': commit(), 'data': file_digest('d')}, f); s3.upload_file('m', b, f'{run_id}/model.pkl')",
)
ASSET = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ncommand: python train.py\ninputs:\n  data:\n    path: azureml:churn:{}\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({**RUN, **DEPLOYS, "lineage.py": LINEAGE}, 4),
        ({**RUN, **DEPLOYS, "lineage.py": LINEAGE, "train.py": RUN["train.py"].replace(", 'data': file_digest('d.csv')", "").replace(", file_digest", "")}, 2),
        ({**RUN, "lineage.py": LINEAGE}, 2),
        # What a project records itself beside models that it puts up under a version.
        ({**UPLOAD, **DEPLOYS, "lineage.py": LINEAGE}, 4),
        ({**UPLOAD, **DEPLOYS, "lineage.py": LINEAGE, "train.py": UPLOAD["train.py"].replace("{run_id}/", "")}, 2),
        ({**training("import mlflow", "mlflow.sklearn.log_model(m, 'm')"), **DEPLOYS, "job.yml": ASSET.format("3")}, 4),
        ({**training("import mlflow", "mlflow.sklearn.log_model(m, 'm')"), **DEPLOYS, "job.yml": ASSET.format("@latest")}, 2),
    ],
)  # fmt: skip
def test_a_trace_names_commit_and_data(files: dict[str, str], level: int) -> None:
    assert levels(files)("release.traceability") == level


PANELS = '{{"panels": [{{"targets": [{{"rawSql": "SELECT avg(score) FROM app.\\"{}\\" WHERE t > now()"}}]}}]}}'


@pytest.mark.parametrize(
    ("table", "level"),
    [("prediction_logs", 4), ("drift_metrics", 1), ("customers", 1)],  # the project fills the first and the last
)
def test_a_dashboard_computes_metrics_from_rows_about_the_model(table: str, level: int) -> None:
    code = {"service/rows.py": "ADD = 'INSERT INTO prediction_logs SELECT * FROM customers'\n"}
    assert levels({**code, "grafana/board.json": PANELS.format(table)})("operations.metrics") == level
