"""Tests, gates and scoring code as projects write them, each beside what looks the same and does nothing."""

# ruff: noqa: E501 - a table reads better unwrapped

import json

import pytest

from tests.measure.test_collectors import levels

Files = dict[str, str]

_API = "import joblib\nfrom fastapi import Depends, FastAPI\n\napp = FastAPI()\n\n\ndef get_model():\n    return joblib.load('m')\n\n\ndef get_db():\n    return connect()\n\n\n@app.post('/predict')\ndef predict(x, model=Depends(get_model), db=Depends(get_db)):\n    return model.predict(x)\n"
_CONFTEST = "import joblib\nimport pytest\nfrom fastapi.testclient import TestClient\nfrom sklearn.svm import SVC\nfrom api import app, get_db, get_model\n\n\nclass Seven:\n    def answer(self, x):\n        return 7\n\n\n@pytest.fixture\ndef tiny():\n    return SVC().fit([[0], [1]], [0, 1])\n\n\n@pytest.fixture\ndef client(tiny, monkeypatch, mocker):\n    {}\n    yield TestClient(app)\n    app.dependency_overrides = {{}}\n"
_ASKS = "def test_it(client):\n    assert client.post('/predict', json=[1]).json()['y'] > 0\n"


def _ci(*steps: str, name: str = "t", head: str = "on: push\n") -> Files:
    """A workflow of one job, a step for each piece of shell."""
    runs = "".join(f"      - run: |\n{''.join(f'          {x}' + chr(10) for x in s.splitlines())}" for s in steps)
    return {".github/workflows/ci.yml": f"{head}jobs:\n  {name}:\n    runs-on: u\n    steps:\n{runs}"}


@pytest.mark.parametrize(
    ("put", "scoring", "application"),
    [
        ("pass", 4, 4),
        ("app.dependency_overrides[get_model] = lambda: Seven()", 1, 2),
        ("app.dependency_overrides[get_model] = lambda: tiny", 4, 4),
        ("app.dependency_overrides[get_db] = lambda: Seven()", 4, 4),
        ("app.state.model = Seven()", 1, 2),
        ("app.state.model = joblib.load('m')", 4, 4),
        ("app.state.started = 1", 4, 4),
        ("mocker.patch('api.get_db')", 4, 4),
        ("mocker.patch('api.get_model')", 1, 2),
    ],
)
def test_what_a_fixture_hands_the_application_decides_what_is_asked(put: str, scoring: int, application: int) -> None:
    files = {"api.py": _API, "tests/conftest.py": _CONFTEST.format(put), "tests/test_api.py": _ASKS}
    unit = {"tests/test_x.py": "def test_x():\n    assert f() == 1\n"}
    found = levels(files | unit | _ci("pytest"))
    assert (found("release.scoring-script"), found("integration.application-tests")) == (scoring, application)


_SCORE = "import joblib\n\n\ndef predict(x):\n    return joblib.load('models/m.pkl').predict(x)\n"
_THIN = "from fastapi import Depends, FastAPI\nfrom service import get_linker, get_users\n\napp = FastAPI()\n\n\n@app.post('/predict')\ndef ask(x, linker=Depends(get_linker), users=Depends(get_users)):\n    users.add(x)\n    return linker.link(x)\n"
_LINKER = "import joblib\n\n\nclass Linker:\n    def __init__(self, model):\n        self.model = model\n\n    def link(self, x):\n        return self.model.predict(x)\n\n\nlinker = Linker(joblib.load('m'))\n\n\ndef get_linker():\n    return linker\n\n\ndef get_users():\n    return connect()\n"
_SEVENS = "import pytest\nfrom fastapi.testclient import TestClient\nfrom api import app\nfrom service import Linker, get_linker, get_users\n\n\nclass {0}:\n    def link(self, x):\n        return 7\n\n\n@pytest.fixture\ndef client():\n    {1}\n    yield TestClient(app)\n"


@pytest.mark.parametrize(
    ("named", "put", "level"),
    [
        ("Seven", "pass", 4),
        ("Seven", "app.dependency_overrides[get_linker] = lambda: Seven()", 1),
        ("Seven", "app.dependency_overrides[get_users] = lambda: Seven()", 4),
        ("MockSeven", "Linker(MockSeven())", 1),
        ("MockUserStore", "MockUserStore()", 4),
    ],
)
def test_what_a_route_asks_for_its_answer_is_the_model(named: str, put: str, level: int) -> None:
    fixture = _SEVENS.format(named, put)
    files = {"api.py": _THIN, "service.py": _LINKER, "tests/conftest.py": fixture, "tests/test_api.py": _ASKS}
    assert levels(files | _ci("pytest"))("release.scoring-script") == level


@pytest.mark.parametrize(("code", "level"), [(401, 2), (200, 4)])
def test_a_refusal_at_the_door_crosses_no_boundary(code: int, level: int) -> None:
    test = f"from fastapi.testclient import TestClient\nfrom api import app\n\n\ndef test_it():\n    assert TestClient(app).post('/predict', json=[1]).status_code == {code}\n"
    unit = {"tests/test_x.py": "def test_x():\n    assert f() == 1\n"}
    files = {"tests/test_api.py": test, **unit, **_ci("pytest")}
    assert levels(files)("integration.application-tests") == level


_SERVED = "import bentoml\nimport subprocess\n\n\ndef test_it():\n    with subprocess.Popen(['bentoml', 'serve', 'service:svc']), bentoml.SyncHTTPClient('http://localhost:3000') as client:\n        assert client.{}['label'] == 'x'\n"


@pytest.mark.parametrize(("asked", "level"), [("summarize(text='x')", 4), ("is_ready(timeout=9)", 1)])
def test_a_method_of_a_client_of_bentoml_asks_the_model(asked: str, level: int) -> None:
    service = {
        "service.py": "import bentoml\n\nsvc = bentoml.Service('x', runners=[bentoml.sklearn.get('m').to_runner()])\n"
    }
    files = service | {"tests/test_e2e.py": _SERVED.format(asked)} | _ci("pytest")
    assert levels(files)("release.scoring-script") == level


_SKIPPED = "import os\nimport pytest\nfrom pathlib import Path\nfrom score import predict\n\nMODEL = Path('models/m.pkl')\n\n\n{}\ndef test_predict():\n    {}\n    assert predict([[1]])[0] == 1\n"


@pytest.mark.parametrize(
    ("mark", "line", "steps", "level"),
    [
        ("", "if not MODEL.exists(): pytest.skip('none')", ("pytest",), 1),
        ("", "if not MODEL.exists(): pytest.skip('none')", ("python train.py", "pytest"), 4),
        ("", "if not MODEL.exists(): pytest.skip('none')", ("dvc pull", "pytest"), 4),
        ("@pytest.mark.skipif(not os.path.exists('api.py'), reason='x')", "", ("pytest",), 4),
        ("@pytest.mark.skipif(not os.path.exists('m.pkl'), reason='x')", "", ("pytest",), 1),
        ("@pytest.mark.skipif(not os.getenv('E2E'), reason='x')", "", ("pytest",), 1),
        ("@pytest.mark.skipif(not os.getenv('E2E'), reason='x')", "", ("E2E=1 pytest",), 4),
        ("@pytest.mark.skipif(os.getenv('CI') == 'true', reason='x')", "", ("pytest",), 1),
    ],
)  # fmt: skip
def test_a_test_that_skips_itself_waits_for_what_its_job_brings(
    mark: str, line: str, steps: tuple[str, ...], level: int
) -> None:
    files = {"score.py": _SCORE, "test_m.py": _SKIPPED.format(mark, line)}
    assert levels(files | _ci(*steps))("release.scoring-script") == level


@pytest.mark.parametrize(
    ("steps", "level"),
    [
        (("python -c \"import json; assert json.load(open('m.json'))['accuracy'] > 0.8\"",), 4),
        (("python - <<'EOF'\nimport json, sys\nif json.load(open('m.json'))['f1'] < 0.8:\n    sys.exit(1)\nEOF",), 4),
        (("python - <<'EOF'\nimport json, sys\nif json.load(open('m.json'))['f1'] < 0.8:\n    print('low')\nEOF",), 0),
        (("jq -e '.accuracy >= 0.8' m.json",), 4),
        (("jq '.accuracy' m.json",), 0),
        (("if (( $(echo \"$ACCURACY < 0.8\" | bc -l) )); then\n  exit 1\nfi",), 4),
        (("if (( $(echo \"$ACCURACY < 0.8\" | bc -l) )); then\n  echo low\nfi",), 0),
        (("ACCURACY=0.9\nif (( $(echo \"$ACCURACY < 0.8\" | bc -l) )); then\n  exit 1\nfi",), 0),
        (("python check.py",), 4),
        (("python check.py || true",), 0),
    ],
)  # fmt: skip
def test_a_step_that_ends_on_a_bound_stands_before_the_release(steps: tuple[str, ...], level: int) -> None:
    check = "import json\nimport sys\n\nif json.load(open('m.json'))['accuracy'] < 0.8:\n    sys.exit('too low')\n"
    job = _ci("python train.py", *steps, "gcloud run deploy api --source .")
    assert levels({"check.py": check} | job)("integration.model-tests") == level
    after = _ci("python train.py", "gcloud run deploy api --source .", *steps)
    assert levels({"check.py": check} | after)("integration.model-tests") == min(level, 2)


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("    if accuracy < LOW:\n        return\n    register_model(m)\n", 4),
        ("    if accuracy < LOW:\n        print('low')\n    register_model(m)\n", 0),
        ("    if accuracy > LOW:\n        register_model(m)\n", 4),
        ("    if accuracy > LOW:\n        print('good')\n    else:\n        raise ValueError\n", 4),
        ("    accuracy = 0.9\n    if accuracy < LOW:\n        raise ValueError\n    register_model(m)\n", 0),
        ("    for epoch in range(9):\n        if epoch_loss < best_epoch_loss:\n            push(m)\n    register_model(m)\n", 0),
    ],
)  # fmt: skip
def test_what_hangs_on_a_bound_is_its_block_or_what_comes_after_leaving(code: str, level: int) -> None:
    head = "from mlflow import register_model\nfrom train import train\n\n\ndef main():\n    accuracy, m = train()\n"
    assert levels({"pipeline.py": head + code})("integration.model-tests") == level


_BOOK = json.dumps({"cells": [{"cell_type": "code", "source": "from sklearn.svm import SVC\nassert SVC().fit(x, y).score(x, y) > 0.7"}]})  # fmt: skip
_NOX = "import nox\n\nnox.options.sessions = ['{}']\n\n\n@nox.session\ndef lint(session):\n    session.run('ruff', 'check')\n\n\n@nox.session\ndef unit(session):\n    session.run('pytest', 'tests')\n"
_HOOK = "repos:\n  - repo: local\n    hooks:\n      - id: t\n        entry: {} tests\n"
_MAIN = "import sys\nimport pytest\n\n{}(pytest.main(['tests']))\n"


@pytest.mark.parametrize(
    ("files", "step", "level"),
    [
        ({"noxfile.py": _NOX.format("unit")}, "nox", 2),
        ({"noxfile.py": _NOX.format("lint")}, "nox", 0),
        ({"noxfile.py": _NOX.format("lint")}, "uvx nox -s unit", 2),
        ({".pre-commit-config.yaml": _HOOK.format("pytest")}, "pre-commit run -a", 2),
        ({".pre-commit-config.yaml": _HOOK.format("ruff")}, "pre-commit run -a", 0),
        ({"run.py": _MAIN.format("sys.exit")}, "python run.py", 2),
        ({"run.py": _MAIN.format("print")}, "python run.py", 0),
        ({"ci.sh": "set -e\ncase $1 in\n  test) pytest tests ;;\nesac\n"}, "bash ci.sh test", 2),
        ({}, '"${CI_PYTHON}" -m pytest', 2),
        ({}, '"${CI_COPY}" -m pytest', 0),
        ({}, "set +e\npytest\nrc=$?\nexit $rc", 2),
        ({}, "set +e\npytest\nrc=$?\necho $rc", 0),
        ({}, "pytest tests || python -m unittest", 2),
        ({"docker-compose.yml": "services:\n  t:\n    build: .\n    command: pytest tests\n"}, "docker compose up --exit-code-from t", 2),
        ({"docker-compose.yml": "services:\n  t:\n    build: .\n    command: pytest tests\n"}, "docker compose up -d", 0),
    ],
)  # fmt: skip
def test_a_runner_is_followed_to_the_tests(files: Files, step: str, level: int) -> None:
    every = {"tests/test_x.py": "def test_x():\n    assert f() == 1\n"} | files | _ci(step)
    assert levels(every)("integration.application-tests") == level


@pytest.mark.parametrize(
    ("step", "level"),
    [
        ("pytest --nbmake books", 2),
        ("pytest --nbmake others", 0),
        ("jupyter nbconvert --to notebook --execute books/a.ipynb", 2),
        ("jupyter nbconvert --to html books/a.ipynb", 0),
    ],
)
def test_a_notebook_that_holds_a_model_to_a_bound_is_a_test_of_it(step: str, level: int) -> None:
    assert levels({"books/a.ipynb": _BOOK} | _ci(step))("integration.model-tests") == level


_FRONT = "import requests\nfrom fastapi import FastAPI\nfrom tritonclient.http import InferenceServerClient, InferInput\napp = FastAPI()\n\n\n@app.post('/x')\ndef answer(x):\n    return requests.post({}).json()\n"


@pytest.mark.parametrize(
    ("path", "text", "level"),
    [
        ("plumber.R", "m <- readRDS('m.rds')\n#* @post /predict\nfunction(req) predict(m, req)\n", 1),
        ("plumber.R", "#* @get /health\nfunction() 'ok'\n", 0),
        ("index.js", "const m = await tf.loadLayersModel('f');\napp.post('/p', (q, r) => r.json(m.predict(q)));\n", 1),
        ("index.js", "app.post('/p', (q, r) => r.json(await fetch('/predict')));\n", 0),
        ("p.sql", "SELECT * FROM ML.PREDICT(MODEL `a.b`, TABLE `c`)\n", 1),
        ("serve/Dockerfile", "FROM tensorflow/serving:2.14\nCOPY m /models/m\n", 1),
        ("ask.py", _FRONT.format("'http://m:8501/v1/models/x:predict'"), 1),
        ("ask.py", _FRONT.format("'http://m:8501/v1/models/x/metadata'"), 0),
        ("ask.py", _FRONT.format("ask(InferenceServerClient('m:8001'))"), 1),
        ("ask.py", _FRONT.format("ask(InferInput('x', [1], 'FP32'))"), 0),
        ("tasks.py", "import joblib\nfrom celery import Celery\napp = Celery()\n\n\n@app.task\ndef score(x):\n    return joblib.load('m').predict(x)\n", 1),
    ],
)  # fmt: skip
def test_models_answer_in_other_places_too(path: str, text: str, level: int) -> None:
    assert levels({"api.py": "", path: text})("release.scoring-script") == level
