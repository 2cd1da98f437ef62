"""Ways in which projects collect, train and retrain by themselves, each with a twin that looks the same and does not."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

DAILY = "on:\n  schedule: [{{cron: '0 3 * * *'}}]\njobs:\n  x:\n    runs-on: u\n    steps:\n      - run: {}\n"
SETTINGS = "import os\n\nAPI = os.environ.get('API', 'https://{}')\n"
CLIENT = (
    "import requests\nfrom app.settings import API\n\n\nclass Client:\n    def __init__(self, session=None):\n"
    "        self.session = session or requests.Session()\n\n    def rides(self, day):\n"
    "        return self.session.get(f'{API}/rides', params={'day': day}).json()\n"
)
FETCH = "from app.client import Client\n\n\ndef run():\n    return Client().rides(1)\n\n\nif __name__ == '__main__':\n    run()\n"
APP = {
    "app/__init__.py": "",
    "app/settings.py": SETTINGS.format("api.acme.org"),
    "app/client.py": CLIENT,
    "app/fetch.py": FETCH,
}
BASE = "class Job:\n    def run(self):\n        self.prepare()\n        self.execute()\n\n    def prepare(self): ...\n\n    def execute(self): ...\n"
CHILD = "from base import Job\nfrom train import train\n\n\nclass Fit(Job):\n    def execute(self):\n        {}\n\n\nif __name__ == '__main__':\n    Fit().run()\n"
TABLE = "from train import train\n\n\ndef show():\n    print('x')\n\n\nSTEPS = {{'fit': {}}}\n\n\nif __name__ == '__main__':\n    STEPS['fit']()\n"


@pytest.mark.parametrize(
    ("files", "track", "level"),
    [
        ({".github/workflows/x.yml": DAILY.format("python -m app.fetch")}, "data-collection", 4),
        ({".github/workflows/x.yml": DAILY.format("python -m app.settings")}, "data-collection", 0),
        ({".github/workflows/x.yml": DAILY.format("python job.py"), "base.py": BASE, "job.py": CHILD.format("train()")}, "training", 3),
        ({".github/workflows/x.yml": DAILY.format("python job.py"), "base.py": BASE, "job.py": CHILD.format("print('x')")}, "training", 1),
        ({".github/workflows/x.yml": DAILY.format("python job.py"), "job.py": TABLE.format("train")}, "training", 3),
        ({".github/workflows/x.yml": DAILY.format("python job.py"), "job.py": TABLE.format("show")}, "training", 1),
        ({".github/workflows/x.yml": DAILY.format("Rscript fit.R"), "fit.R": "library(caret)\nm <- train(y ~ ., data = d)\n"}, "training", 3),
        ({".github/workflows/x.yml": DAILY.format("Rscript fit.R"), "fit.R": "# m <- train(y ~ ., data = d)\nplot(d)\n"}, "training", 1),
    ],
)  # fmt: skip
def test_what_a_schedule_runs_is_followed_through_values_classes_and_tables(
    files: dict[str, str], track: str, level: int
) -> None:
    assert levels({**APP, **files})(f"creation.{track}") == level


STEPS = (
    "import subprocess\n\n\ndef run(command):\n    {}\n\n\ndef main():\n    run('python -m app.fetch')\n\n\nmain()\n"
)
LOOP = "import time\nfrom app.fetch import run\n\n\ndef main():\n    {}:\n        run()\n        time.sleep(60)\n\n\nif __name__ == '__main__':\n    main()\n"
OPENS = "from urllib.request import Request, urlopen\n\nasked = Request(f'https://api.acme.org/{{day}}'{})\nprint(urlopen(asked).read())\n"
STREAM = (
    "from kafka import KafkaConsumer\n\n\nclass Rows:\n    def __init__(self):\n        self.rows = KafkaConsumer('rides')\n\n"
    "    def run(self):\n        {}:\n            self.keep(1)\n\n    def keep(self, row): ...\n\n\nif __name__ == '__main__':\n    Rows().run()\n"
)
IMAGE = "FROM python:3.11\nCOPY . .\n{}"
CRON = IMAGE.format("COPY crontab /etc/cron.d/fetch\nCMD ['cron', '-f']\n")
SAM = (
    "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n"
    "      Handler: lambda_function.lambda_handler\n      Events:\n        E:\n          Type: {}\n"
    "          Properties: {{Schedule: rate(1 day), Enabled: {}}}\n"
)
TERRAFORM = (
    'resource "aws_lambda_function" "f" {{\n  handler = "lambda_function.lambda_handler"\n}}\n'
    'resource "aws_cloudwatch_event_rule" "r" {{\n  schedule_expression = "rate(1 day)"\n  is_enabled = {}\n}}\n'
    'resource "aws_cloudwatch_event_target" "t" {{\n  rule = aws_cloudwatch_event_rule.r.name\n  arn = aws_lambda_function.f.arn\n}}\n'
)
RULE = "aws lambda create-function --function-name f --handler lambda_function.lambda_handler\naws events put-rule \\\n  --name r {}\n"
LAMBDA = "from app.fetch import run\n\n\ndef lambda_handler(event, context):\n    run()\n"
TIMER = "from apscheduler.schedulers.blocking import BlockingScheduler\nfrom app.fetch import run\n\ns = BlockingScheduler()\n\n\n@s.scheduled_job('cron', hour=3)\ndef nightly():\n    {}\n\n\ns.start()\n"
COMMAND = "import click\nfrom apscheduler.schedulers.blocking import BlockingScheduler\nfrom app.fetch import run\n\n\n@click.command()\ndef start():\n    s = BlockingScheduler()\n    s.add_job(run, id='fetch', {})\n    s.start()\n"
BEAT = "from celery import Celery\nfrom app.fetch import run\n\napp = Celery('x')\n\n\n@app.task(name='fetch')\ndef fetch():\n    run()\n\n\napp.conf.{} = {{'x': {{'task': 'fetch', 'schedule': 60}}}}\n"
SENT = "import pandas\nimport joblib\nfrom pathlib import Path\nfrom fastapi import FastAPI\n\napp = FastAPI()\nmodel = joblib.load('m')\n\n\n@app.post('/predict')\ndef predict(x):\n    file = Path('data/{}')\n    pandas.concat([pandas.read_csv(file), x]).to_csv(file)\n    return model.predict(x)\n"
READS = "import pandas\nfrom sklearn.svm import SVC\n\nrows = pandas.read_csv('/srv/data/kept/asked.csv')\nSVC().fit(rows, rows)\n"
KESTRA = "id: x\nnamespace: acme\ntasks:\n  - id: f\n    commands: [python -m app.fetch]\n{}"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"Dockerfile": IMAGE.format("CMD python -m app.loop\n"), "app/loop.py": LOOP.format("while True")}, 4),
        ({"Dockerfile": IMAGE.format("CMD python -m app.loop\n"), "app/loop.py": LOOP.format("for _ in range(3)")}, 0),
        ({"Dockerfile": CRON, "crontab": "0 * * * * cd /app && python -m app.fetch >> /var/log/cron.log 2>&1\n"}, 4),
        ({"Dockerfile": CRON, "crontab": "# 0 * * * * cd /app && python -m app.fetch\n"}, 0),
        ({"Dockerfile": IMAGE.format(""), "crontab": "0 * * * * python -m app.fetch\n"}, 0),  # nothing installs it
        ({".github/workflows/x.yml": DAILY.format("python opens.py"), "opens.py": OPENS.format("")}, 4),
        ({".github/workflows/x.yml": DAILY.format("python opens.py"), "opens.py": OPENS.format(", data=b'x'")}, 0),
        ({"stream.py": STREAM.format("for row in self.rows"), "Dockerfile": IMAGE.format("CMD python stream.py\n")}, 4),
        ({"stream.py": STREAM.format("if self.rows"), "Dockerfile": IMAGE.format("CMD python stream.py\n")}, 0),
        ({"stream.py": STREAM.format("for row in self.rows").replace("keep(1)", "predict(1)"), "Dockerfile": IMAGE.format("CMD python stream.py\n")}, 0),  # an answer
        ({"stream.py": STREAM.format("for row in self.rows")}, 0),  # no container runs it
        ({"x.timer": "[Timer]\nOnCalendar=daily\n", "x.service": "[Service]\nExecStart=/usr/bin/python -m app.fetch\n"}, 4),
        ({"x.service": "[Service]\nExecStart=/usr/bin/python -m app.fetch\n"}, 0),
        ({"x.service": "[Service]\nExecStart=/usr/bin/python /srv/app/loop.py\n", "app/loop.py": LOOP.format("while True")}, 4),
        ({"x.service": "[Service]\nExecStart=/usr/bin/python /srv/app/loop.py\n", "app/loop.py": LOOP.format("for _ in range(3)")}, 0),
        ({"x.timer.template": "[Timer]\nOnCalendar=daily\n", "x.service.template": "[Service]\nExecStart={{BIN}}/python app/fetch.py\n"}, 4),
        ({"x.timer.template": "[Timer]\nOnCalendar=daily\n", "y.service.template": "[Service]\nExecStart={{BIN}}/python app/fetch.py\n"}, 0),
        ({".github/workflows/x.yml": DAILY.format("python steps.py"), "steps.py": STEPS.format("subprocess.run(command, shell=True)")}, 4),
        ({".github/workflows/x.yml": DAILY.format("python steps.py"), "steps.py": STEPS.format("print(command)")}, 0),
        ({"lambda_function.py": LAMBDA, "template.yaml": SAM.format("Schedule", "true")}, 4),
        ({"lambda_function.py": LAMBDA, "template.yaml": SAM.format("Schedule", "false")}, 0),
        ({"lambda_function.py": LAMBDA, "template.yaml": SAM.format("Api", "true")}, 0),
        ({"lambda_function.py": LAMBDA, "ship.sh": RULE.format("--schedule-expression 'rate(1 day)' --state ENABLED")}, 4),
        ({"lambda_function.py": LAMBDA, "ship.sh": RULE.format("--schedule-expression 'rate(1 day)' --state DISABLED")}, 0),
        ({"lambda_function.py": LAMBDA, "ship.sh": RULE.format("--event-pattern '{}'")}, 0),
        ({"lambda_function.py": LAMBDA, "main.tf": TERRAFORM.format("true")}, 4),
        ({"lambda_function.py": LAMBDA, "main.tf": TERRAFORM.format("false")}, 0),
        ({"timer.py": TIMER.format("run()")}, 4),
        ({"timer.py": TIMER.format("print('x')")}, 0),
        ({"timer.py": TIMER.format("run()").replace("s.start()", "")}, 0),
        ({"api.py": SENT.format("kept/asked.csv"), "train.py": READS, ".github/workflows/x.yml": DAILY.format("python train.py")}, 4),
        ({"api.py": SENT.format("kept/other.csv"), "train.py": READS, ".github/workflows/x.yml": DAILY.format("python train.py")}, 0),
        ({"api.py": SENT.format("kept/asked.csv"), "train.py": READS}, 0),  # nothing starts the training
        ({"cli.py": COMMAND.format("trigger='cron', hour=3")}, 4),
        ({"cli.py": COMMAND.format("**settings.times")}, 0),  # as whoever runs it says
        ({"tasks.py": BEAT.format("beat_schedule")}, 4),
        ({"tasks.py": BEAT.format("task_routes")}, 0),
        ({"kestra.yaml": KESTRA.format("triggers:\n  - type: io.kestra.core.Schedule\n    cron: '0 3 * * *'\n")}, 4),
        ({"kestra.yaml": KESTRA.format("")}, 0),
    ],
)  # fmt: skip
def test_what_collects_by_itself(files: dict[str, str], level: int) -> None:
    assert levels({**APP, **files})("creation.data-collection") == level


VERTEX = "from google.cloud import aiplatform\n\njob = aiplatform.PipelineJob(template_path='p.json')\njob.{}\n"
ALARM = 'resource "aws_cloudwatch_event_rule" "r" {{\n  event_pattern = "{{source: [aws.cloudwatch]}}"\n}}\nresource "aws_cloudwatch_event_target" "t" {{\n  rule = aws_cloudwatch_event_rule.{}.name\n  arn = aws_sagemaker_pipeline.fit.arn\n}}\n'
DRIFT = "from evidently.report import Report\nfrom train import train\n\n\ndef drifted():\n    return Report(metrics=[]).as_dict()['drift']\n\n\n{}\n"
AFTER = "if __name__ == '__main__':\n    if drifted():\n        train()\n"
EARLY = "def main():\n    if not drifted():\n        return\n    train()\n\n\nmain()\n"
BESIDE = "if __name__ == '__main__':\n    print(drifted())\n    train()\n"
SENT = DRIFT.replace("from train import train", "import requests").format(
    "if drifted():\n    requests.post('https://api.github.com/repos/a/b/dispatches')"
)
LAZY = (
    "from train import train\n\n\ndef check_drift(rows):\n    print('drift is not checked yet')\n    return {}\n\n\n"
    "if __name__ == '__main__':\n    if check_drift(1):\n        train()\n"
)
BUSY = "import schedule\nfrom train import train\n\n\nclass Flow:\n    def fit(self):\n        train()\n\n    def report(self):\n        print('x')\n\n\ndef plan():\n    flow = Flow()\n    schedule.every(24).hours.do(flow.{})\n\n\nif __name__ == '__main__':\n    Flow().fit() if __file__ else plan()\n"
WAITS = (
    "on: {repository_dispatch: {types: [x]}}\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: python train.py\n"
)


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"nightly.py": VERTEX.format("create_schedule(cron='0 3 * * 1')")}, 3),
        ({"nightly.py": VERTEX.format("submit()")}, 1),
        ({"main.tf": ALARM.format("r")}, 4),
        ({"main.tf": ALARM.format("other")}, 1),
        ({"nightly.py": DRIFT.format(AFTER), ".github/workflows/x.yml": DAILY.format("python nightly.py")}, 4),
        ({"nightly.py": DRIFT.format(EARLY), ".github/workflows/x.yml": DAILY.format("python nightly.py")}, 4),
        ({"nightly.py": DRIFT.format(BESIDE), ".github/workflows/x.yml": DAILY.format("python -c 'import nightly; nightly.train()'")}, 3),
        ({"nightly.py": SENT, ".github/workflows/x.yml": DAILY.format("python nightly.py"), ".github/workflows/t.yml": WAITS}, 4),
        ({"nightly.py": SENT, ".github/workflows/t.yml": WAITS}, 3),
        ({"nightly.py": LAZY.format("rows.psi()"), ".github/workflows/x.yml": DAILY.format("python nightly.py")}, 4),
        ({"nightly.py": LAZY.format("None"), ".github/workflows/x.yml": DAILY.format("python nightly.py")}, 3),
        ({"nightly.py": BUSY.format("fit")}, 3),
        ({"nightly.py": BUSY.format("report")}, 1),
    ],
)  # fmt: skip
def test_what_starts_training(files: dict[str, str], level: int) -> None:
    assert levels(files)("creation.training") == level


MODAL = "import modal\nfrom train import train\n\napp = modal.App()\n\n\n{}\ndef fit():\n    train()\n"
SKY = "{}run: python train.py\n"
RUNS = 'resource "{}" "train" {{\n  name = "train"\n}}\n'


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"nightly.py": MODAL.format("@app.function(gpu='A100')")}, 4),
        ({"nightly.py": MODAL.format("# @app.function(gpu='A100')")}, 1),
        ({"sky.yaml": SKY.format("resources: {accelerators: A100}\n")}, 4),
        ({"sky.yaml": SKY.format("")}, 1),
        ({"main.tf": RUNS.format("aws_batch_job_definition")}, 4),
        ({"main.tf": RUNS.format("aws_s3_bucket")}, 1),
        ({"nightly.py": "import subprocess\n\nsubprocess.run(['sbatch', 'fit.sbatch'])\n"}, 4),
        ({"nightly.py": "import boto3\n\nboto3.client('ecs').run_task(taskDefinition='train-model')\n"}, 4),
        ({"nightly.py": "import boto3\n\nboto3.client('ecs').run_task(taskDefinition='api')\n"}, 1),
    ],
)
def test_more_machines_that_files_define(files: dict[str, str], level: int) -> None:
    assert levels(files)("creation.compute") == level
