"""What makes a training repeatable and what does not: environment, data, command."""

# ruff: noqa: E501 - a table reads better unwrapped

from datetime import date

import pytest

from gradino import maturity
from gradino.measure.assessment import conclude
from gradino.measure.history import History
from gradino.measure.scene import survey
from gradino.measure.tree import MISSING, Tree
from tests.measure.test_collectors import TRAIN, levels

DATA = {"data/rides.csv": "a,b\n" * 2000}
PINNED = {"requirements.txt": "scikit-learn==1.5.0\npandas==2.2.0\n"}
SAGEMAKER = (
    "from sagemaker import image_uris\nfrom sagemaker.estimator import Estimator\n\n"
    "Estimator(image_uris.retrieve('xgboost', region, {})).fit({{'train': path}})\n"
)
ARGO = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: fit}}\nspec:\n  templates:\n"
    "    - name: fit\n      container: {{image: '{}', command: [python, train.py]}}\n"
)
FETCHES = (
    "on: [push]\njobs:\n  fit:\n    runs-on: u\n    steps:\n"
    "      - run: curl -fsSL https://raw.githubusercontent.com/a/b/main/rides.csv -o rides.csv\n      - run: {}\n"
)
POETRY = "[tool.poetry.dependencies]\npython = '^3.11'\nscikit-learn = '{}1.5.0'\npandas = '2.2.0'\n"


def reproducibility(files: dict[str, str]) -> int:
    return levels(files)("creation.reproducibility")


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        (PINNED, 4),
        ({"requirements/base.txt": "scikit-learn==1.5.0\n"}, 4),
        ({"requirements.txt": "black==24.1.0\npytest==8.0.0\n"}, 1),  # pins nothing that trains
        ({"conda/fit.yml": "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - scikit-learn=1.5.0\n"}, 4),
        ({"chart/Chart.yaml": "dependencies:\n  - name: postgresql\n    version: 1.5.0\n"}, 1),
        ({"pyproject.toml": "[project]\ndependencies = ['scikit-learn==1.5.0', 'pandas']\n"}, 1),
        ({"pyproject.toml": "[project]\ndependencies = ['scikit-learn==1.5.0', 'pandas==2.2.0']\n"}, 4),
        ({"pyproject.toml": POETRY.format("")}, 4),
        ({"pyproject.toml": POETRY.format("^")}, 1),
        ({"pyproject.toml": "[project\n", **PINNED}, 4),
        ({"uv.lock": "", "Dockerfile": "FROM python:3.11\nRUN pip install --no-cache-dir -r requirements.txt\n", "requirements.txt": "scikit-learn>=1.5\n"}, 1),
        ({"uv.lock": "", "Dockerfile": "FROM python:3.11\nRUN uv --quiet sync --frozen\nRUN pip install -r docs.txt\n", "requirements.txt": "scikit-learn>=1.5\n"}, 4),
        ({"uv.lock": "", "requirements.txt": "scikit-learn>=1.5\n"}, 4),
        ({"requirements.txt": "sklearn==0.0\npandas==2.2.0\nnumpy==2.0\njoblib==1.4\n"}, 1),  # a shell: it brings any version
        ({"requirements.txt": "sklearn==0.0\nscikit-learn==1.5.0\n"}, 4),
        ({"Dockerfile": "FROM gcr.io/kaggle-images/python:v88\n"}, 4),
        ({"Dockerfile": "FROM python:3.11-slim\n"}, 1),
        ({"Dockerfile": "FROM pytorch/pytorch:2.1.0-cuda12.1\nRUN pip install -r requirements.txt\n", "requirements.txt": "scikit-learn\n"}, 1),
        ({"Dockerfile": "FROM mageai/mageai:latest\nRUN pip install -r requirements.txt\n", **PINNED}, 1),
        ({"db.Dockerfile": "FROM postgres:latest\n", **PINNED}, 4),
        ({"wf.yaml": ARGO.format("acme/fit:0.1.0")}, 4),
        ({"wf.yaml": ARGO.format("acme/fit:latest"), **PINNED}, 1),
        ({"wf.yaml": ARGO.format("python:3.11")}, 1),
        ({"fit/pipeline.py": SAGEMAKER.format("version='1.5-1'")}, 4),
        ({"fit/pipeline.py": SAGEMAKER.format("")}, 1),
        ({"fit/pipeline.py": SAGEMAKER.format("version='1.5-1'") + "helper = '123.dkr.ecr.eu/fit:latest'\n"}, 1),
    ],
)  # fmt: skip
def test_what_fixes_the_environment_of_training(environment: dict[str, str], level: int) -> None:
    assert reproducibility({**DATA, **environment}) == level


def test_loose_requirements_nearest_to_training_undo_a_lock_above() -> None:
    files = {
        **DATA,
        "train.py": "",
        "fit/train.py": "from sklearn.svm import SVC\nSVC().fit(x, y)\n",
        "uv.lock": "scikit-learn",
    }
    assert reproducibility(files) == 4
    assert reproducibility({**files, "fit/requirements.txt": "scikit-learn\n"}) == 1


@pytest.mark.parametrize(
    ("data", "level"),
    [
        ({"README.md": "We use the churn dataset from Kaggle.\n"}, 4),
        ({"README.md": "Kaggle is a fine place. Bring your own dataset.\n"}, 1),
        ({"explore.ipynb": '{"cells": [{"cell_type": "code", "source": "import sklearn.datasets\\nsklearn.datasets.load_iris()"}]}'}, 1),
        ({"load.py": "import train\nspark.read.csv('/databricks-datasets/wine/red.csv')\n"}, 4),
        ({"load.py": "import train\nimport openml\nopenml.datasets.get_dataset(1)\nmodel.fit(x, y)\n"}, 4),
        ({"data/rides.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 99999\n"}, 4),
        ({".github/workflows/fit.yml": FETCHES.format("python train.py")}, 4),
        ({".github/workflows/fit.yml": FETCHES.format("python -m pytest")}, 1),
        ({"data/rides.csv": "a,b\n" * 30}, 1),
        ({"data/sample/rides.csv": "a,b\n" * 6000}, 4),
        ({"data/header.csv": "a,b\n" * 6000}, 1),
        ({"monitoring/reference/rides.csv": "a,b\n" * 6000}, 1),
    ],
)  # fmt: skip
def test_what_fixes_the_data_of_training(data: dict[str, str], level: int) -> None:
    assert reproducibility({**PINNED, **data}) == level


@pytest.mark.parametrize(("notes", "level"), [([f"data/rides.csv: {MISSING}"], 4), ([], 1)])
def test_what_a_partial_clone_leaves_out_is_large(notes: list[str], level: int) -> None:
    blobs = {p: t.encode() for p, t in {**PINNED, "data/rides.csv": "", "train.py": TRAIN}.items()}
    tree = Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get, notes)
    found = conclude(survey(tree, History()), maturity.load(), "x", date(2026, 1, 1))
    assert found.track("creation.reproducibility").level.wired == level


def test_a_script_two_imports_away_is_a_command_that_retrains() -> None:
    files = {
        **DATA, **PINNED,
        "train.py": "",
        "main.py": "from flow import steps\n\nif __name__ == '__main__':\n    steps.everything()\n",
        "flow/steps.py": "from flow.fit import fit\n\n\ndef everything():\n    fit()\n",
        "flow/fit.py": "from sklearn.svm import SVC\n\n\ndef fit():\n    SVC().fit(x, y)\n",
    }  # fmt: skip
    assert reproducibility(files) == 4
    assert (
        reproducibility({**files, "flow/steps.py": "from flow.fit import fit\n\n\ndef everything():\n    pass\n"}) == 1
    )


def test_a_package_may_export_a_function_by_the_name_of_its_file() -> None:
    files = {
        **DATA, **PINNED,
        "train.py": "",
        "run.py": "from steps import fitter\n\nif __name__ == '__main__':\n    fitter()\n",
        "steps/__init__.py": "from .fitting import fitter\n",
        "steps/fitting/__init__.py": "from .fitter import fitter\n",
        "steps/fitting/fitter.py": "from sklearn.svm import SVC\n\n\ndef fitter():\n    SVC().fit(x, y)\n",
    }  # fmt: skip
    assert reproducibility(files) == 4


@pytest.mark.parametrize(("script", "level"), [("main.py", 4), ("serve.py", 1)])
def test_a_script_may_choose_as_it_runs_what_trains(script: str, level: int) -> None:
    files = {
        **DATA, **PINNED,
        "train.py": "",
        script: "from models.forest import Forest\n\nif __name__ == '__main__':\n    for trainer in [Forest]:\n        trainer().run()\n",
        "models/forest.py": "from sklearn.svm import SVC\n\n\nclass Forest:\n    def run(self):\n        SVC().fit(x, y)\n",
    }  # fmt: skip
    assert reproducibility(files) == level


@pytest.mark.parametrize(
    ("line", "level"),
    [("mlflow.log_input(mlflow.data.from_pandas(rows))", 1), ("mlflow.log_param('data_version', 7)", 4)],
)
def test_a_digest_of_rows_that_nobody_kept_brings_none_back(line: str, level: int) -> None:
    script = f"import mlflow\nimport pandas\nfrom sklearn.svm import SVC\n\nrows = pandas.read_sql('select 1', c)\n{line}\nSVC().fit(rows, 1)\n"
    assert reproducibility({"train.py": script, **PINNED}) == level


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"load.py": "from sklearn.datasets import fetch_california_housing\n\ntable = fetch_california_housing(as_frame=True)\n"}, 4),
        ({"load.py": "from acme.datasets import fetch_california_housing\n\ntable = fetch_california_housing(as_frame=True)\n"}, 1),
        ({"table.csv": "a,b\n" * 20_000}, 4),
        ({"shap_feature_importances.csv": "a,b\n" * 20_000}, 1),  # what a run left behind
        ({"results_2024.csv": "a,b\n" * 20_000}, 1),
        ({"data/results.csv": "a,b\n" * 20_000}, 4),  # of games, say
        ({"notebooks/rides.csv": "a,b\n" * 20_000}, 1),  # somebody looked at it
        ({"notebooks/rides.csv": "a,b\n" * 20_000, "train.py": TRAIN + "\nPATH = 'notebooks/rides.csv'\n"}, 4),
    ],
)  # fmt: skip
def test_the_data_of_a_training_is_what_it_reads_not_what_lies_about(files: dict[str, str], level: int) -> None:
    assert reproducibility(PINNED | files) == level
