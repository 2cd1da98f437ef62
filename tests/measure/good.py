"""Good projects of other kinds than `decoys.GOOD`: other tools, the same practices."""

# ruff: noqa: E501 - files read better unwrapped

Files = dict[str, str]

_FEATURES = "def hour(date):\n    return int(date[11:13])\n"
_UNIT = "from rides.features import hour\n\n\ndef test_hour():\n    assert hour('2011-01-01 05:00') == 5\n"
_MODEL = """\
import joblib


def test_more_people_ride_in_summer():
    model = joblib.load("model.pkl")
    assert model.predict([[7]])[0] > model.predict([[1]])[0]
"""
_SERVE = """\
import joblib
from flask import Flask, jsonify, request
from prometheus_client import Counter

app = Flask(__name__)
model = joblib.load("model.pkl")
answered = Counter("predictions", "answers")


@app.route("/predict", methods=["POST"])
def predict():
    answered.inc()
    return jsonify(rentals=float(model.predict([request.json])[0]))
"""
_ASKED = """\
from rides.serve import app


def test_predict_answers_with_a_number():
    answer = app.test_client().post("/predict", json={"hour": 5})
    assert answer.status_code == 200
    assert answer.json["rentals"] > 0
"""
_FIT = """\
import joblib
import wandb
import xgboost
from rides.data import load


def main():
    wandb.init(project="rides")
    table = load()
    model = xgboost.train({}, table)
    wandb.log({"mae": mae(model, table)})
    joblib.dump(model, "model.pkl")


if __name__ == "__main__":
    main()
"""
_PULL = """\
import requests


def load():
    return requests.get("https://api.example.org/v1/rides?since={}".format(since())).json()


if __name__ == "__main__":
    load()
"""
_CHECK = """\
import sys

mae = float(open("metrics.txt").read())
if mae > 12.0:
    sys.exit("refused, no promotion")
"""

# GitLab, DVC, Helm.
GITLAB: Files = {
    ".gitlab-ci.yml": """\
stages: [test, train, build, staging, production]
test:
  stage: test
  image: python:3.12
  script:
    - pip install -r requirements.txt
    - pytest
train:
  stage: train
  image: python:3.12
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
    - if: $CI_COMMIT_BRANCH == "main"
  script:
    - dvc pull
    - dvc repro
    - dvc push
build:
  stage: build
  script:
    - docker build -t registry.example.org/rides:$CI_COMMIT_SHA .
    - docker push registry.example.org/rides:$CI_COMMIT_SHA
  rules:
    - if: $CI_COMMIT_BRANCH == "main"
staging:
  stage: staging
  environment: staging
  script:
    - helm upgrade --install --atomic rides-staging chart
  rules:
    - if: $CI_COMMIT_BRANCH == "main"
production:
  stage: production
  environment: production
  script:
    - helm upgrade --install --atomic rides chart
  rules:
    - if: $CI_COMMIT_BRANCH == "main"
""",
    "dvc.yaml": """\
stages:
  pull:
    cmd: python rides/data.py
    deps: [rides/data.py]
    outs: [data/rides.csv]
  train:
    cmd: python rides/train.py
    deps: [rides/train.py, data/rides.csv]
    outs: [model.pkl]
    metrics: [metrics.json]
  check:
    cmd: python rides/check.py
    deps: [model.pkl]
""",
    "dvc.lock": "schema: '2.0'\nstages:\n  pull:\n    cmd: python rides/data.py\n    outs:\n      - path: data/rides.csv\n        md5: d41d\n",
    ".dvc/config": "[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://rides\n",
    "requirements.txt": "xgboost==2.0.3\nwandb==0.16.1\nflask==3.0.0\n",
    "Dockerfile": "FROM python:3.12\nCOPY . .\nRUN pip install -r requirements.txt\nCMD [\"gunicorn\", \"rides.serve:app\"]\n",
    "chart/Chart.yaml": "apiVersion: v2\nname: rides\nversion: 1.0.0\n",
    "chart/values.yaml": "replicaCount: 3\n",
    "chart/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: rides
spec:
  replicas: {{ .Values.replicaCount }}
  strategy:
    type: RollingUpdate
  template:
    spec:
      containers:
        - name: rides
          image: registry.example.org/rides
          readinessProbe:
            httpGet:
              path: /ping
""",
    "rides/__init__.py": "",
    "rides/features.py": _FEATURES,
    "rides/train.py": _FIT,
    "rides/data.py": _PULL,
    "rides/check.py": _CHECK,
    "rides/serve.py": _SERVE,
    "tests/test_features.py": _UNIT,
    "tests/test_serve.py": _ASKED,
    "tests/test_model.py": _MODEL,
    "prometheus.yml": "scrape_configs:\n  - job_name: rides\n    static_configs:\n      - targets: [\"rides:8000\"]\n",
    "alert-rules.yml": "groups:\n  - name: m\n    rules:\n      - alert: Drift\n        expr: prediction_drift > 0.2\n",
}  # fmt: skip

# Azure Pipelines, Airflow, Terraform.
AZURE: Files = {
    "azure-pipelines.yml": """\
trigger:
  branches:
    include: [main]
pool:
  vmImage: ubuntu-latest
stages:
  - stage: Test
    jobs:
      - job: test
        steps:
          - script: pip install -r requirements.txt
          - script: pytest
  - stage: Build
    jobs:
      - job: image
        steps:
          - task: Docker@2
            inputs:
              command: buildAndPush
              repository: rides
  - stage: Staging
    jobs:
      - deployment: staging
        environment: staging
        strategy:
          runOnce:
            deploy:
              steps:
                - script: az containerapp update --name rides-staging --image rides
  - stage: Production
    jobs:
      - deployment: production
        environment: production
        strategy:
          runOnce:
            deploy:
              steps:
                - script: az containerapp update --name rides --image rides
""",
    "dags/retrain.py": """\
from airflow import DAG
from airflow.operators.python import PythonOperator
from rides.data import load
from rides.drift import check
from rides.train import main

with DAG("retrain", schedule="@daily") as dag:
    pull = PythonOperator(task_id="pull", python_callable=load)
    look = PythonOperator(task_id="look", python_callable=check)
    fit = PythonOperator(task_id="fit", python_callable=main)
    pull >> look >> fit
""",
    "infra/main.tf": """\
resource "azurerm_container_app" "rides" {
  name = "rides"
  template {
    min_replicas = 2
    container {
      liveness_probe {
        path = "/ping"
      }
    }
  }
}

resource "azurerm_monitor_metric_alert" "drift" {
  name = "prediction-drift"
}
""",
    "requirements.txt": "xgboost==2.0.3\nmlflow==2.9.0\nflask==3.0.0\n",
    "Dockerfile": "FROM python:3.12\nCOPY . .\nRUN pip install -r requirements.txt\nCMD [\"gunicorn\", \"rides.serve:app\"]\n",
    "rides/__init__.py": "",
    "rides/features.py": _FEATURES,
    "rides/train.py": _FIT.replace("import wandb\n", "import mlflow\n").replace('    wandb.init(project="rides")\n', "")
    .replace("wandb.log(", "mlflow.log_metrics(")
    .replace('    joblib.dump(model, "model.pkl")\n', '    if mae(model, table) > 12.0:\n        raise SystemExit("refused")\n'
             '    mlflow.log_param("data_version", table.version)\n    mlflow.xgboost.log_model(model, "model", registered_model_name="rides")\n'),
    "rides/data.py": _PULL,
    "rides/drift.py": "from scipy.stats import ks_2samp\n\n\ndef check():\n    return ks_2samp(reference(), newest()).pvalue < 0.01\n",
    "rides/serve.py": _SERVE,
    "tests/test_features.py": _UNIT,
    "tests/test_serve.py": _ASKED,
    "tests/test_model.py": _MODEL,
    "docs/incidents/2026-02-03-sensor.md": "# 2026-02-03 the sensor\n\ntests/test_serve.py::test_predict_answers_with_a_number was born of it.\n",
}  # fmt: skip
