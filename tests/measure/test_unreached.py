"""Code and infrastructure that lie in the repository and that nothing reaches, each beside its twin that works."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import API, levels

DAG = "from airflow import DAG\nfrom airflow.operators.python import PythonOperator\nfrom train import train\n\nwith DAG('fit', schedule='@daily') as dag:\n    PythonOperator(task_id='t', python_callable=train)\n"
AIRFLOW = "services:\n  scheduler:\n    image: apache/airflow:2.9.0\n    volumes:\n      - {}:/opt/airflow/dags\n"
OTHER = {"flows/look.py": "from airflow import DAG\n\nwith DAG('look', schedule='@daily') as dag:\n    pass\n"}


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({}, 3),
        ({"docker-compose.yml": AIRFLOW.format("./dags")}, 3),
        ({"docker-compose.yml": AIRFLOW.format("${HOME_OF_ALL:-.}/dags")}, 3),
        ({"docker-compose.yml": AIRFLOW.format("./flows")}, 1),
        ({"docker-compose.yml": AIRFLOW.format("$FLOWS")}, 3),  # any folder
        ({"flows/compose.yaml": AIRFLOW.format(".")}, 3),  # of another project
        ({"docker-compose.yml": AIRFLOW.format("./flows"), "sync.sh": "gcloud composer environments storage dags import\n"}, 3),
        ({"docker-compose.yml": AIRFLOW.format("./flows"), "Dockerfile": "FROM apache/airflow:2.9.0\nCOPY dags /opt/airflow/dags\n"}, 3),
    ],
)  # fmt: skip
def test_a_dag_in_a_folder_that_airflow_is_not_given_never_runs(files: dict[str, str], level: int) -> None:
    assert levels({"dags/fit.py": DAG, **OTHER, **files})("creation.training") == level


APPLY = "on: {push: {branches: [main]}}\njobs:\n  apply:\n    runs-on: u\n    steps:\n      - run: terraform -chdir=infra apply -auto-approve\n"
SERVICE = 'resource "aws_apprunner_service" "api" {\n  service_name = "api"\n}\n'
CALLED = 'module "net" {{\n  source = "./net"\n}}\n{0}module "run" {{\n{0}  source = "./run"\n{0}}}\n'


@pytest.mark.parametrize(("mark", "level"), [("", 4), ("# ", 1), ("// ", 1)])
def test_a_module_of_terraform_that_is_commented_out_serves_nothing(mark: str, level: int) -> None:
    files = {".github/workflows/x.yml": APPLY, "infra/main.tf": CALLED.format(mark), "infra/run/service.tf": SERVICE}
    assert levels(files)("release.process") == level


NIGHTLY = (
    "on:\n  schedule: [{cron: '0 3 * * *'}]\njobs:\n  x:\n    runs-on: u\n    steps:\n      - run: python fit.py\n"
)
FIT = "import mlflow\nfrom train import train\n\nif __name__ == '__main__':\n    mlflow.sklearn.log_model(train(), 'm', registered_model_name='x')\n"
ASKS = "import mlflow\n\n\nclass Manager:\n    def newest(self):\n        return mlflow.pyfunc.load_model(f'models:/x/{self.client.get_latest_versions(\"x\")[0].version}')\n\n    def predict(self, x):\n        return self.newest().predict(x)\n\n\nif __name__ == '__main__':\n    print(Manager().predict(1))\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"predict.py": ASKS}, 1),  # a script that a person may start
        ({"predict.py": ASKS, "api.py": "from predict import Manager\n" + API.replace("model.predict", "Manager().predict")}, 4),
        ({"predict.py": ASKS, ".github/workflows/y.yml": NIGHTLY.replace("fit.py", "predict.py")}, 4),
    ],
)  # fmt: skip
def test_a_script_that_nothing_starts_takes_no_newest_model(files: dict[str, str], level: int) -> None:
    found = levels({".github/workflows/x.yml": NIGHTLY, "fit.py": FIT, **files})
    assert found("release.process") == level


UP = "services:\n  api:\n    build: {}\n    ports: ['80:80']\n    volumes: [models:/models]\n"
IMAGE = "FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\nCOPY . .\nRUN pip install -r requirements.txt\nCMD uvicorn main:app\n"
MAIN = (
    "from routes.predict import router\nfrom routes.{} import other\nfrom fastapi import FastAPI\n\napp = FastAPI()\n"
)
ROUTES = {
    "back/requirements.txt": "fastapi==0.115.0\nuvicorn==0.30.0\nacme-auth==1.0\n",
    "back/Dockerfile": IMAGE,
    "back/routes/__init__.py": "",
    "back/routes/predict.py": "router = 1\n",
}


@pytest.mark.parametrize(
    ("build", "main", "level"),
    [
        ("./back", "predict", 2),
        ("./backend", "predict", 1),  # no such folder
        ("./back", "uploads", 1),  # no such module in the project's own package
    ],
)
def test_a_service_that_cannot_be_built_or_started_is_not_released(build: str, main: str, level: int) -> None:
    files = ROUTES | {"back/main.py": MAIN.format(main), "deploy/docker-compose.yml": UP.format(f".{build}")}
    told = {"README.md": "docker compose -f deploy/docker-compose.yml up --build\n"}
    assert levels(files | told)("release.process") == level


@pytest.mark.parametrize(("place", "level"), [("ml/mlflow.py", 1), ("mlflow.py", 4)])
def test_a_library_is_not_the_file_inside_a_package_that_bears_its_name(place: str, level: int) -> None:
    asks = "import mlflow\n\n\ndef newest(client):\n    return client.get_latest_versions('x')\n"
    serves = "import mlflow\n" + API
    files = {"api.py": serves, "ml/__init__.py": "", place: asks, "fit.py": FIT, ".github/workflows/x.yml": NIGHTLY}
    assert levels(files)("release.process") == level


@pytest.mark.parametrize(("host", "level"), [("http://api:8000", 2), ("http://localhost:8000", 1)])
def test_telling_the_service_on_ones_own_machine_to_reload_releases_nothing(host: str, level: int) -> None:
    files = {"push.py": f"import requests\n\nrequests.post('{host}/models/reload')\n"}
    assert levels(files)("release.process") == level


@pytest.mark.parametrize(("package", "level"), [("neuro_mf", 3), ("acme_mf", 1)])
def test_a_factory_that_searches_for_the_best_model_trains(package: str, level: int) -> None:
    fit = f"from {package} import ModelFactory\n\nfactory: ModelFactory = ModelFactory('model.yaml')\nfactory.get_best_model(X=x, y=y)\n"
    files = {"fit.py": fit, "train.py": "x = 1\n", ".github/workflows/x.yml": NIGHTLY}
    assert levels(files)("creation.training") == level
