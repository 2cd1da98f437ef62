"""A good project, and the ways in which such a project is switched off without looking so.

`GOOD` reaches a high level on most tracks. `DECOYS` maps a name to the change and to the rung (track@level) that must no
longer hold after it.
"""

# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Callable
from datetime import date

from gradino import maturity
from gradino.measure import Assessment
from gradino.measure.assessment import conclude
from gradino.measure.history import History
from gradino.measure.scene import survey
from gradino.measure.tree import Tree

Files = dict[str, str]

TRAIN = """\
import mlflow
from sklearn.ensemble import RandomForestRegressor

from bikes.data import load


def train():
    table = load()
    model = RandomForestRegressor().fit(table.x, table.y)
    mlflow.set_tag("git_commit", commit())
    mlflow.log_param("data_version", table.version)
    mlflow.log_metric("mae", error(model, table))
    if error(model, table) > 12.0:
        raise SystemExit("not good enough")
    mlflow.sklearn.log_model(model, "model", registered_model_name="bikes")


if __name__ == "__main__":
    train()
"""
DATA = """\
import requests


def load():
    return requests.get("https://api.example.org/v1/rides?since={}".format(since())).json()
"""
API = """\
import joblib
from fastapi import FastAPI
from prometheus_client import Counter

app = FastAPI()
model = joblib.load("model.pkl")
answered = Counter("predictions", "answers")


@app.post("/predict")
def predict(row: dict):
    answered.inc()
    return {"rentals": float(model.predict([row])[0])}
"""
DRIFT = """\
from scipy.stats import ks_2samp

from bikes.train import train


def check():
    if ks_2samp(reference(), newest()).pvalue < 0.01:
        train()


if __name__ == "__main__":
    check()
"""
UNIT = """\
from bikes.features import hour


def test_hour_of_a_date():
    assert hour("2011-01-01 05:00") == 5
"""
SCORING = """\
from fastapi.testclient import TestClient

from bikes.api import app


def test_predict_answers_with_a_number():
    answer = TestClient(app).post("/predict", json={"hour": 5})
    assert answer.status_code == 200
    assert answer.json()["rentals"] > 0
"""
MODEL = """\
import joblib


def test_more_people_ride_in_summer():
    model = joblib.load("model.pkl")
    assert model.predict([[7]])[0] > model.predict([[1]])[0]
"""
TESTS = """\
name: tests
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: uv sync --frozen
      - run: uv run pytest
"""
NIGHTLY = """\
name: nightly
on:
  schedule:
    - cron: "0 3 * * *"
jobs:
  train:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: uv run python -m bikes.train
"""
WATCH = """\
name: watch
on:
  schedule:
    - cron: "0 * * * *"
jobs:
  drift:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: uv run python -m bikes.drift
"""
RELEASE = """\
name: release
on:
  push:
    branches: [main]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: uv run pytest
  build:
    needs: test
    runs-on: ubuntu-latest
    steps:
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: registry.example.org/bikes:${{ github.sha }}
  staging:
    needs: build
    environment: staging
    runs-on: ubuntu-latest
    steps:
      - run: kubectl --context staging apply -f k8s/
  production:
    needs: staging
    environment: production
    runs-on: ubuntu-latest
    steps:
      - run: kubectl --context production apply -f k8s/
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: bikes
spec:
  replicas: 3
  strategy:
    type: RollingUpdate
  template:
    spec:
      containers:
        - name: bikes
          image: registry.example.org/bikes
          readinessProbe:
            httpGet:
              path: /ping
"""
TRAFFIC = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: bikes
spec:
  http:
    - route:
        - destination:
            host: champion
          weight: 90
        - destination:
            host: challenger
          weight: 10
"""
PROMETHEUS = """\
scrape_configs:
  - job_name: bikes
    static_configs:
      - targets: ["bikes:8000"]
"""
ALERTS = """\
groups:
  - name: model
    rules:
      - alert: PredictionDrift
        expr: prediction_drift > 0.2
"""
INCIDENT = """\
# 2026-02-03 the sensor that read zero

The gate in tests/test_scoring.py::test_predict_answers_with_a_number was born of it.
"""

GOOD: Files = {
    "bikes/__init__.py": "",
    "bikes/train.py": TRAIN,
    "bikes/data.py": DATA,
    "bikes/api.py": API,
    "bikes/drift.py": DRIFT,
    "bikes/features.py": "def hour(date):\n    return int(date[11:13])\n",
    "tests/test_features.py": UNIT,
    "tests/test_scoring.py": SCORING,
    "tests/test_model.py": MODEL,
    ".github/workflows/tests.yml": TESTS,
    ".github/workflows/nightly.yml": NIGHTLY,
    ".github/workflows/watch.yaml": WATCH,
    ".github/workflows/release.yml": RELEASE,
    "k8s/deployment.yaml": DEPLOYMENT,
    "k8s/traffic.yaml": TRAFFIC,
    "monitoring/prometheus.yml": PROMETHEUS,
    "monitoring/alerts.yml": ALERTS,
    "docs/incidents/2026-02-03-sensor.md": INCIDENT,
    "uv.lock": "version = 1\n",
    "pyproject.toml": '[project]\nname = "bikes"\n',
}


def measure(files: dict[str, str]) -> Assessment:
    """Assess files in memory, as at a commit."""
    blobs = {path: text.encode() for path, text in sorted(files.items())}
    tree = Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get)
    return conclude(survey(tree, History()), maturity.load(), "memory", date(2026, 1, 1))


def change(path: str, old: str, new: str, every: bool = False) -> Callable[[Files], Files]:
    """A decoy that replaces text in one file."""

    def made(files: Files) -> Files:
        assert old in files[path], (path, old)
        return files | {path: files[path].replace(old, new) if every else files[path].replace(old, new, 1)}

    return made


def both(*changes: Callable[[Files], Files]) -> Callable[[Files], Files]:
    """Several changes at once."""

    def made(files: Files) -> Files:
        for one in changes:
            files = one(files)
        return files

    return made


N, W, R, T = (f".github/workflows/{n}" for n in ("nightly.yml", "watch.yaml", "release.yml", "tests.yml"))
_UNTESTED = both(change(T, "uv run pytest", "echo pytest"), change(R, "uv run pytest", "echo pytest"))
_SWALLOWED = both(
    change(T, "uv run pytest", "uv run pytest || true"), change(R, "uv run pytest", "uv run pytest || true")
)
_NO_WATCH = change(W, '    - cron: "0 * * * *"', '#    - cron: "0 * * * *"')

DECOYS: dict[str, tuple[Callable[[Files], Files], str]] = {
    "schedule commented out": (both(_NO_WATCH, change(N, '    - cron: "0 3 * * *"', '#    - cron: "0 3 * * *"')), "creation.training@3"),
    "job switched off": (both(_NO_WATCH, change(N, "  train:\n", "  train:\n    if: false\n")), "creation.training@3"),
    "job switched off by an expression": (both(_NO_WATCH, change(N, "  train:\n", "  train:\n    if: ${{ false }}\n")), "creation.training@3"),
    "step switched off": (both(_NO_WATCH, change(N, "      - run: uv run python -m bikes.train", "      - if: false\n        run: uv run python -m bikes.train")), "creation.training@3"),
    "only talks of training": (both(_NO_WATCH, change(N, "uv run python -m bikes.train", 'echo "python -m bikes.train"')), "creation.training@3"),
    "script that is not there": (both(_NO_WATCH, change(N, "-m bikes.train", "pipelines/train.py")), "creation.training@3"),
    "dispatch instead of schedule": (both(_NO_WATCH, change(N, '  schedule:\n    - cron: "0 3 * * *"', "  workflow_dispatch:")), "creation.training@3"),
    "pretrain is not retrain": (both(_NO_WATCH, change(N, "python -m bikes.train", "python -m bikes.pretrain")), "creation.training@3"),
    "drift that decides nothing": (change("bikes/drift.py", "        train()", "        print('drift')"), "creation.training@4"),
    "drift check never scheduled": (_NO_WATCH, "creation.training@4"),
    "data read from a frozen file": (change("bikes/data.py", 'requests.get("https://api.example.org/v1/rides?since={}".format(since())).json()', 'pd.read_csv("https://raw.githubusercontent.com/x/y/main/rides.csv")'), "creation.data-collection@4"),
    "tracking calls removed": (both(change("bikes/train.py", '    mlflow.log_param("data_version", table.version)\n', ""), change("bikes/train.py", '    mlflow.log_metric("mae", error(model, table))\n', "")), "creation.experiments@4"),
    "model dumped to a file": (change("bikes/train.py", 'mlflow.sklearn.log_model(model, "model", registered_model_name="bikes")', 'joblib.dump(model, "model.pkl")'), "creation.versioning@4"),
    "lock file removed": (lambda files: {k: v for k, v in files.items() if k != "uv.lock"}, "creation.reproducibility@4"),
    "deployment only talks": (change(R, "kubectl --context production apply -f k8s/", 'echo "Deployment successful!"'), "release.environments@4"),
    "no deployment at all": (both(change(R, "kubectl --context production apply -f k8s/", 'echo "Deployed"'), change(R, "kubectl --context staging apply -f k8s/", 'echo "Deployed"')), "release.process@4"),
    "trigger commented out": (change(R, "  push:\n    branches: [main]", "#  push:\n#    branches: [main]\n  workflow_dispatch:"), "release.process@4"),
    "dry run": (change(R, "apply -f k8s/", "apply --dry-run=client -f k8s/", every=True), "release.process@4"),
    "approval before production": (change(R, "  production:\n    needs: staging\n    environment: production\n    runs-on: ubuntu-latest\n    steps:\n", "  production:\n    needs: staging\n    environment: production\n    runs-on: ubuntu-latest\n    steps:\n      - uses: trstringer/manual-approval@v1\n"), "release.process@4"),
    "failing deployment swallowed": (change(R, "apply -f k8s/", "apply -f k8s/ || true", every=True), "release.process@4"),
    "tests beside the path": (change(R, "    needs: test\n", ""), "release.ownership@4"),
    "tests that may fail": (_SWALLOWED, "integration.application-tests@2"),
    "continue on error": (both(change(T, "      - run: uv run pytest", "      - run: uv run pytest\n        continue-on-error: true"), change(R, "      - run: uv run pytest", "      - run: uv run pytest\n        continue-on-error: true")), "integration.application-tests@2"),
    "tests never run": (_UNTESTED, "integration.application-tests@2"),
    "tests all skipped": (both(*(change(f, "def test_", "import pytest\n\n\n@pytest.mark.skip\ndef test_") for f in ("tests/test_features.py", "tests/test_scoring.py", "tests/test_model.py"))), "integration.application-tests@2"),
    "module of tests skipped": (both(*(change(f, "\n\ndef test_", "\nimport pytest\npytestmark = pytest.mark.skip\n\n\ndef test_") for f in ("tests/test_features.py", "tests/test_scoring.py", "tests/test_model.py"))), "integration.application-tests@2"),
    "test that accepts a failure": (both(change("tests/test_scoring.py", "assert answer.status_code == 200", "assert answer.status_code in (200, 422)"), change("tests/test_scoring.py", '    assert answer.json()["rentals"] > 0\n', "")), "release.scoring-script@4"),
    "test without assertion": (change("tests/test_scoring.py", '    assert answer.status_code == 200\n    assert answer.json()["rentals"] > 0\n', "    print(answer)\n"), "release.scoring-script@4"),
    "model test that checks nothing": (both(change("tests/test_model.py", "    assert model.predict([[7]])[0] > model.predict([[1]])[0]", "    print(model)"), change("bikes/train.py", '    if error(model, table) > 12.0:\n        raise SystemExit("not good enough")\n', ""), change("tests/test_scoring.py", '    assert answer.json()["rentals"] > 0\n', ""), change("tests/test_scoring.py", "assert answer.status_code == 200", "assert answer.status_code in (200, 500)")), "integration.model-tests@2"),
    "image built but kept": (both(change(R, "push: true", "push: false"), change(R, "apply -f k8s/", "get pods", every=True)), "integration.builds@4"),
    "probe and strategy removed": (both(change("k8s/deployment.yaml", "          readinessProbe:\n            httpGet:\n              path: /ping\n", ""), change("k8s/deployment.yaml", "  replicas: 3\n  strategy:\n    type: RollingUpdate\n", "")), "operations.availability@4"),
    "all traffic to one model": (both(change("k8s/traffic.yaml", "weight: 90", "weight: 100"), change("k8s/traffic.yaml", "weight: 10\n", "weight: 0\n")), "release.experimentation@4"),
    "metrics that nothing collects": (both(_NO_WATCH, change("monitoring/prometheus.yml", "job_name: bikes", "job_name: prometheus")), "operations.metrics@4"),
    "alert commented out": (both(_NO_WATCH, change("monitoring/alerts.yml", "      - alert: PredictionDrift\n        expr: prediction_drift > 0.2", "#      - alert: PredictionDrift\n#        expr: prediction_drift > 0.2")), "operations.feedback@4"),
    "incident without a consequence": (change("docs/incidents/2026-02-03-sensor.md", "The gate in tests/test_scoring.py::test_predict_answers_with_a_number was born of it.", "We were sorry."), "operations.learning@4"),
    "environment of installed packages": (lambda files: {(f"venv/lib/python3.12/site-packages/{k}" if k.startswith("bikes/") else k): v for k, v in files.items()}, "creation.experiments@4"),
    "copy in a hidden example": (change(N, "on:\n  schedule:", "on:\n  workflow_call:\n  unknown_event:"), "creation.data-collection@4"),
}  # fmt: skip
DECOYS["copy in a hidden example"] = (
    both(_NO_WATCH, DECOYS["copy in a hidden example"][0]),
    "creation.data-collection@4",
)
DECOYS["tests after the deployment"] = (
    both(
        change(R, "    needs: test\n", ""),
        change(
            R,
            "      - run: kubectl --context production apply -f k8s/\n",
            "      - run: kubectl --context production apply -f k8s/\n      - run: uv run pytest\n",
        ),
    ),
    "release.ownership@4",
)
_NO_OTHER_GATE = both(
    change("tests/test_model.py", "    assert model.predict([[7]])[0] > model.predict([[1]])[0]", "    print(model)"),
    change("tests/test_scoring.py", '    assert answer.json()["rentals"] > 0\n', ""),
)
_GATE = '    if error(model, table) > 12.0:\n        raise SystemExit("not good enough")\n'
DECOYS |= {
    "release calls a target that does not exist": (both(change(R, "kubectl --context production apply -f k8s/", "make deploy-production"), change(R, "kubectl --context staging apply -f k8s/", "make deploy-staging")), "release.process@4"),
    "deployment of another image than the published one": (change("k8s/deployment.yaml", "image: registry.example.org/bikes", "image: registry.example.org/somebody-elses-service", every=True), "release.ownership@3"),
    "retraining inside a string": (change("bikes/drift.py", "        train()", "        note = '''\n        train()\n        '''"), "creation.training@4"),
    "tests left out by a marker": (both(change(T, "uv run pytest", "uv run pytest -m nightly"), change(R, "uv run pytest", "uv run pytest -m nightly")), "integration.application-tests@2"),
    "tests of a folder that is not there": (both(change(T, "uv run pytest", "uv run pytest ../tests"), change(R, "uv run pytest", "uv run pytest ../tests")), "integration.application-tests@2"),
    "scoring tests ignored": (both(change(T, "uv run pytest", "uv run pytest --ignore=tests/test_scoring.py"), change(R, "uv run pytest", "uv run pytest --ignore=tests/test_scoring.py")), "release.scoring-script@4"),
    "test of a model that is put in its place": (change("tests/test_scoring.py", "def test_predict_answers_with_a_number():\n", "def test_predict_answers_with_a_number(monkeypatch):\n    monkeypatch.setattr('bikes.api.model', FakeModel())\n"), "release.scoring-script@4"),
    "tests of a host that nothing starts": (both(change("tests/test_scoring.py", "from fastapi.testclient import TestClient\n\nfrom bikes.api import app\n", "import requests\n"), change("tests/test_scoring.py", 'TestClient(app).post("/predict"', 'requests.post("http://localhost:8000/predict"')), "release.scoring-script@4"),
    "exit code that is kept and never used": (both(change(T, "uv run pytest", "uv run pytest || failed=1"), change(R, "uv run pytest", "uv run pytest || failed=1")), "integration.application-tests@2"),
    "gate that compares a constant": (both(_NO_OTHER_GATE, change("bikes/train.py", _GATE, "    accuracy = 0.95\n    if accuracy < 0.9:\n        raise SystemExit(1)\n")), "integration.model-tests@4"),
    "challenger compared with itself": (both(_NO_OTHER_GATE, change("bikes/train.py", _GATE, "    new_error = best_error = error(model, table)\n    if new_error > best_error:\n        raise SystemExit(1)\n")), "integration.model-tests@4"),
}  # fmt: skip

_EVERY_TEST = ("tests/test_features.py", "tests/test_scoring.py", "tests/test_model.py")
_ANSWER = '    answered.inc()\n    return {"rentals": float(model.predict([row])[0])}\n'
_PRODUCTION, _STAGING = "kubectl --context production apply -f k8s/", "kubectl --context staging apply -f k8s/"
_NO_GATE = both(_NO_OTHER_GATE, change("bikes/train.py", _GATE, ""))
_COMPARE = """\
import joblib


def compare():
    model = joblib.load("candidate.pkl")
    new_mae = mae(model)
    if new_mae > champion_mae():
        raise SystemExit(1)


if __name__ == "__main__":
    compare()
"""


def add(path: str, text: str) -> Callable[[Files], Files]:
    """A decoy that puts another file beside, or more at the end of one."""
    return lambda files: files | {path: files.get(path, "") + text}


def tests_run(instead: str) -> Callable[[Files], Files]:
    """Both test steps with another command."""
    return both(
        change(T, "- run: uv run pytest", f"- run: {instead}"), change(R, "- run: uv run pytest", f"- run: {instead}")
    )


def rewritten(pattern: str, new: str | Callable[[re.Match[str]], str]) -> Callable[[Files], Files]:
    """Every test file with what matches replaced."""
    return lambda files: files | {p: re.sub(pattern, new, files[p]) for p in _EVERY_TEST}


DECOYS |= {
    # the model is there, and nothing answers with it
    "handler that returns a fixed number": (change("bikes/api.py", _ANSWER, '    return {"rentals": 12.0}\n'), "release.scoring-script@1"),
    "handler that asks the model and answers a fixed number": (change("bikes/api.py", _ANSWER, '    model.predict([row])\n    return {"rentals": 12.0}\n'), "release.scoring-script@1"),
    "model loaded and never asked": (change("bikes/api.py", _ANSWER, '    return {"rentals": row["hour"] * 2}\n'), "release.scoring-script@1"),
    # tests of something else than the model
    "application handed another model": (change("tests/test_scoring.py", "def test_predict", "app.dependency_overrides[get_model] = lambda: Seven()\n\n\ndef test_predict"), "release.scoring-script@4"),
    "answer looked at only where there is one": (change("tests/test_scoring.py", '    assert answer.status_code == 200\n    assert answer.json()["rentals"] > 0\n', '    if answer.status_code == 200:\n        assert answer.json()["rentals"] > 0\n'), "release.scoring-script@4"),
    "prediction of a class of the test's own": (change("tests/test_scoring.py", '    answer = TestClient(app).post("/predict", json={"hour": 5})\n    assert answer.status_code == 200\n    assert answer.json()["rentals"] > 0\n', "    assert Seven().predict([5]) == [7]\n\n\nclass Seven:\n    def predict(self, rows):\n        return [7 for _ in rows]\n"), "release.scoring-script@4"),
    "only refusals tested": (change("tests/test_scoring.py", '    assert answer.status_code == 200\n    assert answer.json()["rentals"] > 0\n', "    assert answer.status_code == 422\n"), "release.scoring-script@4"),
    # gates that come too late, refuse nothing or are run by nobody
    "gate after the registration": (both(_NO_GATE, change("bikes/train.py", 'registered_model_name="bikes")\n', 'registered_model_name="bikes")\n' + _GATE)), "integration.model-tests@4"),
    "champion compared after the release": (both(_NO_GATE, add("bikes/compare.py", _COMPARE), add(R, "  champion:\n    needs: production\n    runs-on: ubuntu-latest\n    steps:\n      - run: python -m bikes.compare\n")), "integration.model-tests@4"),
    "gate that nobody calls": (both(_NO_GATE, add("bikes/gate.py", "def may_promote():\n    if new_rmse() > 12.0:\n        raise SystemExit('refused')\n")), "integration.model-tests@4"),
    "refusal that is caught": (both(_NO_OTHER_GATE, change("bikes/train.py", _GATE, "    try:\n        if error(model, table) > 12.0:\n            raise ValueError('not good enough')\n    except ValueError:\n        pass\n")), "integration.model-tests@4"),
    # schedules that never come round
    "schedule of an input that nobody gives": (both(_NO_WATCH, change(N, "  train:\n", "  train:\n    if: ${{ inputs.train == 'true' }}\n")), "creation.training@3"),
    "schedule skipped unless dispatched": (both(_NO_WATCH, change(N, "  train:\n", "  train:\n    if: github.event_name == 'workflow_dispatch'\n")), "creation.training@3"),
    "the thirty-first of February": (both(_NO_WATCH, change(N, "0 3 * * *", "0 0 31 2 *")), "creation.training@3"),
    "cron of four fields": (both(_NO_WATCH, change(N, "0 3 * * *", "0 3 * *")), "creation.training@3"),
    "cron of a learning rate": (both(_NO_WATCH, change(N, "  schedule:\n    - cron: \"0 3 * * *\"", "  workflow_dispatch:"), change("bikes/train.py", "import mlflow\n", "import mlflow\nfrom torch.optim.lr_scheduler import CyclicLR\n\nscheduler = CyclicLR(optimizer, cron='0 3 * * *', schedule='cosine')\n")), "creation.training@3"),
    "workflow in a folder that nothing reads": (both(_NO_WATCH, lambda files: {p.replace("nightly", "disabled/nightly"): t for p, t in files.items()}), "creation.training@3"),
    # jobs that cannot start
    "deployment after a job that is off": (change(R, "  test:\n", "  test:\n    if: false\n"), "release.process@4"),
    "deployment after a job that does not exist": (change(R, "needs: staging", "needs: approval"), "release.process@4"),
    "push of paths that are all ignored": (change(R, "branches: [main]", "branches: [main]\n    paths-ignore: ['**']"), "release.process@4"),
    "plan instead of apply": (both(change(R, _PRODUCTION, "terraform plan"), change(R, _STAGING, "terraform plan")), "release.process@4"),
    "difference instead of apply": (change(R, "apply -f k8s/", "diff -f k8s/", every=True), "release.process@4"),
    "image push by a false expression": (both(change(R, "push: true", "push: ${{ false }}"), change(R, "apply -f k8s/", "get pods", every=True)), "integration.builds@4"),
    "training asked for its help": (both(_NO_WATCH, change(N, "bikes.train", "bikes.train --help")), "creation.training@3"),
    # code that is never reached
    "training after a return": (both(_NO_WATCH, change("bikes/train.py", "def train():\n", "def train():\n    return\n")), "creation.training@3"),
    "tracking after a return": (change("bikes/train.py", "    mlflow.set_tag", "    return model\n    mlflow.set_tag"), "creation.experiments@4"),
    "training in a branch that is false": (both(_NO_WATCH, change("bikes/train.py", "    train()\n", "    if False:\n        train()\n")), "creation.training@3"),
    "training in a loop that never begins": (both(_NO_WATCH, change("bikes/train.py", "    train()\n", "    while False:\n        train()\n")), "creation.training@3"),
    "tests after a return": (both(*(change(p, "():\n", "():\n    return\n") for p in _EVERY_TEST)), "integration.application-tests@2"),
    # tests that cannot fail, or are not found
    "tests or an echo": (tests_run("uv run pytest || echo 'some tests failed'"), "integration.application-tests@2"),
    "tests in the background": (tests_run("uv run pytest &"), "integration.application-tests@2"),
    "tests as a condition": (tests_run("if uv run pytest; then echo good; else echo bad; fi"), "integration.application-tests@2"),
    "tests into a pipe": (tests_run("|\n          set +o pipefail\n          uv run pytest | tee log.txt"), "integration.application-tests@2"),
    "tests before an exit of zero": (tests_run("|\n          set +e\n          uv run pytest\n          exit 0"), "integration.application-tests@2"),
    "tests only collected": (tests_run("uv run pytest --collect-only"), "integration.application-tests@2"),
    "tests deselected by name": (tests_run('uv run pytest -k "not test"'), "integration.application-tests@2"),
    "assertions of constants": (both(change("tests/test_features.py", 'hour("2011-01-01 05:00") == 5', "5 == 5"), change("tests/test_scoring.py", '    assert answer.status_code == 200\n    assert answer.json()["rentals"] > 0\n', "    assert True\n"), change("tests/test_model.py", "model.predict([[7]])[0] > model.predict([[1]])[0]", '"model"')), "integration.application-tests@2"),
    "assertions swallowed": (rewritten(r"(?m)^    (assert .*)$", r"    try:\n        \1\n    except AssertionError:\n        print('never mind')"), "integration.application-tests@2"),
    "tests in a class that is not collected": (rewritten(r"(?ms)^def (test_.*)\Z", lambda found: "class Checks:\n    def " + found[1].replace("\n    ", "\n        ")), "integration.application-tests@2"),
    # operations that say nothing
    "alert that is decided beforehand": (both(_NO_WATCH, change("monitoring/alerts.yml", "prediction_drift > 0.2", "vector(0) > 1")), "operations.feedback@4"),
    "scrape configuration without targets": (both(_NO_WATCH, change("monitoring/prometheus.yml", '["bikes:8000"]', "[]")), "operations.metrics@4"),
    "tracker committed without a run": (both(change("bikes/train.py", '    mlflow.log_param("data_version", table.version)\n', ""), change("bikes/train.py", '    mlflow.log_metric("mae", error(model, table))\n', ""), add("mlflow.db", "SQLite format 3\0")), "creation.experiments@4"),
    "all instances at once": (both(change("k8s/deployment.yaml", "replicas: 3", "replicas: 1"), change("k8s/deployment.yaml", "type: RollingUpdate", "type: Recreate"), change("k8s/deployment.yaml", "          readinessProbe:\n            httpGet:\n              path: /ping\n", "")), "operations.availability@4"),
}  # fmt: skip
