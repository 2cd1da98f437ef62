"""What checks a model or an application, in the spellings that projects use, and what only looks like it."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

_API = "from fastapi import FastAPI\nimport joblib\napp = FastAPI()\n\n@app.on_event('startup')\ndef start():\n    app.model = joblib.load('m')\n\n@app.post('/predict')\ndef predict(x):\n    return app.model.predict(x)\n"
_REGISTER = "import mlflow\nfrom train import train\n\nmae, best = train()\n"
_THEN = "    mlflow.register_model('runs:/1/m', 'm')\n"


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (f"{_REGISTER}if mae < float(config['max_mae']):\n{_THEN}", 4),
        (f"{_REGISTER}assert mae < best.metrics['mae']\nmlflow.register_model('runs:/1/m', 'm')\n", 4),
        (f"{_REGISTER}assert (\n    mae < best.metrics['mae']\n)\nmlflow.register_model('runs:/1/m', 'm')\n", 4),
        (f"{_REGISTER}def should_deploy(mae):\n    return mae < 10\n", 4),
        (f"{_REGISTER}improvement = best - mae\nif improvement >= threshold:\n{_THEN}", 4),
        (f"{_REGISTER}to_be_promoted = mae < best\nif to_be_promoted:\n{_THEN}", 4),
        (f"{_REGISTER}def should_retrain(mae):\n    return mae > 10\n\nmlflow.register_model('runs:/1/m', 'm')\n", 0),
        (f"{_REGISTER}if drift_score > threshold:\n{_THEN}", 0),
        (f"{_REGISTER}if greater_is_better:\n    mae = -mae\nmlflow.register_model('runs:/1/m', 'm')\n", 0),
        (f"{_REGISTER}if mae < 10:\n    print('ready to deploy')\n", 0),
        (f"{_REGISTER}if not is_better:\n    logger.warning(\n        'worse: not deployed',\n    )\n    return\n", 0),
        (f"{_REGISTER}if not is_better:\n    logger.warning(\n        'worse',\n    )\n    return\ndeploy()\n", 4),
        (f"{_REGISTER}if mae > 10:\n    advice.append('improve it before you deploy it')\n", 0),
        (f"{_REGISTER}if mae < 10:\n    subprocess.run('bash deploy.sh with it', shell=True)\n", 4),
        ("from kfp.v2 import dsl\nfrom train import train\n\ndef pipeline():\n    with dsl.Condition(train() > 0.9):\n        pass\n", 4),
    ],
)  # fmt: skip
def test_a_bound_refuses_a_candidate_where_something_hangs_on_it(code: str, level: int) -> None:
    assert levels({"pipeline.py": code})("integration.model-tests") == level


def _workflow(*lines: str) -> dict[str, str]:
    steps = "".join(f"          {line}\n" for line in lines)
    return {".github/workflows/ci.yml": f"on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: |\n{steps}"}


@pytest.mark.parametrize(
    ("lines", "scoring", "model"),
    [
        (("curl -sf -X POST localhost:8080/predict -d '{}'",), 4, 2),
        (("curl -s -X POST localhost:8080/predict \\", "  -d '{\"x\": 1}' | grep -q price"), 4, 2),
        (("curl -s -X POST localhost:8080/predict -d '{}'",), 1, 0),
        (("curl -sf -X POST localhost:8080/predict -d '{}' || true",), 1, 0),
        (("echo curl -sf -X POST localhost:8080/predict",), 1, 0),
        (("az ml online-endpoint invoke -n e --request-file r.json",), 1, 2),
        (("newman run api.json",), 4, 2),
    ],
)  # fmt: skip
def test_a_request_for_a_prediction_checks_where_its_answer_is_looked_at(lines: tuple[str, ...], scoring: int, model: int) -> None:  # fmt: skip
    found = levels(_workflow(*lines))
    assert (found("release.scoring-script"), found("integration.model-tests")) == (scoring, model)


@pytest.mark.parametrize(
    ("script", "level"),
    [
        ("set +e\nfunction ended() {\n  CODE=$?\n  if [ $CODE != 0 ]; then exit $CODE; fi\n}\npytest\nended\ndocker compose down\n", 2),
        ("set +e\nfunction ended() {\n  echo over\n}\npytest\nended\ndocker compose down\n", 0),
        ("if [ -z $STAGE ]\nthen\n  echo nothing to test\nelse\n  pytest\nfi\n", 2),
        ("pytest\ndocker compose down\n", 0),
    ],
)  # fmt: skip
def test_a_script_fails_with_its_tests_where_it_says_so(script: str, level: int) -> None:
    files = {"run.sh": script, "test_x.py": "def test_x():\n    assert f() == 1\n"} | _workflow("./run.sh")
    assert levels(files)("integration.application-tests") == level


def test_an_integration_job_alone_is_a_test_of_the_application() -> None:
    files = {"ask.py": "import requests\nassert requests.post('http://x/predict').json() == 1\n"}
    named = {
        p: t.replace("  t:\n", "  integration:\n")
        for p, t in _workflow("docker compose up -d", "python ask.py").items()
    }
    assert levels(files | named)("integration.application-tests") == 2
    assert levels(files | _workflow("python ask.py"))("integration.application-tests") == 0


def test_python_2_is_read() -> None:
    old = "import cPickle\n\ndef predict(rows):\n    model = cPickle.load(open('m'))\n    print 'rows', len(rows)\n    return model.predict(rows)\n"
    assert levels({"api.py": "", "predict.py": old})("release.scoring-script") == 1
    assert levels({"api.py": "", "predict.py": old.replace("model.", "model .. ")})("release.scoring-script") == 0


_SHOP = "from fastapi import FastAPI\napp = FastAPI()\n\n@app.post('/predict')\ndef predict(x):\n    return {}\n"
_LOGIN = "from fastapi.testclient import TestClient\nfrom api import app\n\ndef test_login():\n    answer = TestClient(app).post('/login', json={})\n    assert answer.json() == {}\n"


@pytest.mark.parametrize(
    ("test", "scoring", "application"),
    [
        (_LOGIN, 1, 2),
        (_LOGIN.replace("login", "predict"), 4, 4),
        (_LOGIN.replace("json={})", "json={})\n    create_engine(address())"), 1, 4),
        (_LOGIN.replace("json={})", "json={})\n    create_engine('sqlite://')"), 1, 2),
        (_LOGIN.replace("/login", "/api/readyz"), 1, 2),
        (_LOGIN.replace("/login", "/predict").replace("from api", "from shop"), 1, 2),
    ],
)  # fmt: skip
def test_a_request_of_something_else_exercises_no_scoring(test: str, scoring: int, application: int) -> None:
    unit = "def test_x():\n    assert f() == 1\n"
    found = levels({"test_api.py": test, "test_x.py": unit, "api.py": _API, "shop.py": _SHOP} | _workflow("pytest"))
    assert (found("release.scoring-script"), found("integration.application-tests")) == (scoring, application)


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"Taskfile.yml": "includes:\n  api: ./api\n", "api/Taskfile.yml": "tasks:\n  test:\n    cmds: ['pytest {{.X}}']\n"} | _workflow("task api:test"), 2),
        ({"Taskfile.yml": "tasks: {}\n", "api/Taskfile.yml": "tasks:\n  test:\n    cmds: [pytest]\n"} | _workflow("task api:test"), 0),
        ({"package.json": '{"scripts": {"ci": "jest"}}', "a.test.ts": "it()"} | _workflow("npm run ci"), 2),
        ({"package.json": '{"scripts": {"ci": "tsc"}}', "a.test.ts": "it()"} | _workflow("npm run ci"), 0),
        ({"tests/testthat/test-a.R": "expect_equal(1, 1)"} | _workflow("Rscript -e 'devtools::test()'"), 2),
        ({"tests/testthat/test-a.R": "expect_equal(1, 1)", ".travis.yml": "language: r\n"}, 2),
        ({"tests/testthat/test-a.R": "expect_equal(1, 1)", ".travis.yml": "language: r\nscript: [R CMD build .]\n"}, 0),
        ({".travis.yml": "jobs:\n  include:\n    - stage: test\n      script: pytest\n"}, 2),
        ({"test/runtests.jl": "@test 1 == 1"} | _workflow("julia -e 'using Pkg; Pkg.test()'"), 2),
    ],
)  # fmt: skip
def test_tests_run_through_other_runners(files: dict[str, str], level: int) -> None:
    every = {"api/test_x.py": "def test_x():\n    assert f() == 1\n"} | files
    assert levels(every)("integration.application-tests") == level


_ASK = "import requests\n\nanswer = requests.post('http://x/predict', json={'x': 1})\n"


@pytest.mark.parametrize(
    ("name", "code", "level"),
    [
        ("smoke_test.py", f"{_ASK}answer.raise_for_status()\n", 4),
        ("smoke_test.py", f"{_ASK}if not answer.ok:\n    raise SystemExit(1)\n", 4),
        ("smoke_test.py", f"{_ASK}print(answer)\n", 1),
        ("nightly.py", f"{_ASK}answer.raise_for_status()\n", 1),  # scores every night, and tests nothing
    ],
)
def test_a_script_that_asks_the_service_is_a_test_where_it_may_fail(name: str, code: str, level: int) -> None:
    assert levels({name: code} | _workflow(f"python {name}"))("release.scoring-script") == level


@pytest.mark.parametrize(
    ("put", "level"),
    [
        ("monkeypatch.setenv('API_KEY', 'secret')", 4),
        ("monkeypatch.setattr(api, 'DATA_ROOT', tmp_path)", 4),
        ("monkeypatch.setattr(api, 'model', always)", 1),
        ("monkeypatch.setitem(api.models, 'best', always)", 1),
    ],
)
def test_a_test_that_moves_its_surroundings_still_asks_the_model(put: str, level: int) -> None:
    test = f"import api\nfrom fastapi.testclient import TestClient\n\n\ndef test_it(monkeypatch, tmp_path):\n    {put}\n    assert TestClient(api.app).post('/predict', json=[1]).json()['y'] > 0\n"
    assert levels({"tests/test_api.py": test} | _workflow("pytest"))("release.scoring-script") == level


@pytest.mark.parametrize(
    ("function", "answer", "level"),
    [("predict_fn", "model.predict(x)", 4), ("ask", "model.predict(x)", 4), ("describe", "[str(model)]", 1)],
)
def test_what_a_serving_file_answers_with_is_scoring(function: str, answer: str, level: int) -> None:
    files = {
        "buildspec.yml": "version: 0.2\nphases:\n  build:\n    commands: [pytest]\n",
        "entry.py": f"import joblib\n\n\ndef model_fn(folder):\n    return joblib.load(folder)\n\n\ndef {function}(x, model):\n    return {answer}\n",
        "tests/test_cycle.py": f"from entry import {function}, model_fn\n\n\ndef test_it():\n    assert {function}([1], model_fn('m')) == [1]\n",
    }
    assert levels(files)("release.scoring-script") == level


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("page.caption('the champion and its challenger')\n# font-weight: bold\nrandom.choice(quotes)\n", 2),
        ("style = 'font-weight:600'\nchallenger = runs['challenger']\n", 2),
        ("served = challenger if random.random() < 0.1 else model\n", 4),
    ],
)
def test_a_page_that_speaks_of_a_challenger_compares_nothing(said: str, level: int) -> None:
    assert levels({"api.py": f"import random\n{_API}\n{said}"})("release.experimentation") == level


@pytest.mark.parametrize(("file", "level"), [("model.onnx", 2), ("handbook.pdf", 1)])
def test_weights_attached_to_a_release_are_a_model_released(file: str, level: int) -> None:
    workflow = (
        f"on: workflow_dispatch\njobs:\n  r:\n    runs-on: u\n    steps:\n      - run: gh release upload $V {file}\n"
    )
    assert levels({".github/workflows/release.yml": workflow})("release.process") == level


_BEHIND = (
    "import joblib\n\nclass Rater:\n    def score_rides(self, rows):\n        return joblib.load('m').predict(rows)\n"
)
_THIN = "from fastapi import FastAPI\nfrom core.rater import Rater\napp = FastAPI()\n\n@app.post('/predict')\ndef predict(x):\n    return Rater().score_rides(x)\n"


@pytest.mark.parametrize(
    ("test", "level"),
    [
        ("from core.rater import Rater\n\ndef test_score():\n    assert Rater().score_rides([1]) == [2]\n", 4),
        ("from core.checks import prediction_spread\n\ndef test_app_prediction():\n    assert prediction_spread([1]) == 0\n", 1),
        ("from core.checks import score_columns\n\ndef test_app_score():\n    assert score_columns([1]) == 0\n", 1),
        ("import api\n\ndef test_predict_app():\n    assert hasattr(api, 'predict')\n", 1),
    ],
)  # fmt: skip
def test_a_test_of_scoring_enters_what_the_service_answers_with(test: str, level: int) -> None:
    checks = "def prediction_spread(rows):\n    return 0\n\ndef score_columns(rows):\n    return 0\n"
    files = {"core/__init__.py": "", "core/rater.py": _BEHIND, "core/checks.py": checks, "api.py": _THIN}
    found = levels({**files, "tests/app/test_core.py": test} | _workflow("pytest"))
    assert found("release.scoring-script") == level


@pytest.mark.parametrize(
    ("package", "level"),
    [
        ({"rides/__init__.py": ""}, 0),  # a folder that git ignores: the run ends as it collects the file
        ({"rides/__init__.py": "", "rides/models/fit.py": "def fit(x):\n    return x\n"}, 2),
        ({"rides/__init__.py": "", "rides/models.pyx": ""}, 2),
        ({"rides/__init__.py": "__path__ = elsewhere()\n"}, 2),
        ({}, 2),
    ],
)
def test_a_part_that_a_package_of_the_project_lacks_ends_the_tests(package: dict[str, str], level: int) -> None:
    test = "from rides.models.fit import fit\n\n\ndef test_fit():\n    assert fit(1) == 1\n"
    found = levels({**package, "tests/test_fit.py": test} | _workflow("pytest"))
    assert found("integration.application-tests") == level
