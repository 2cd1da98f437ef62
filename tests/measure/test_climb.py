"""What climb writes really climbs: rungs rise and none falls, hosts accept the files, and twice is once."""
# ruff: noqa: E501 - files and tables read better unwrapped

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from gradino.cli import app
from gradino.errors import EvidenceError
from gradino.measure import assess
from gradino.measure.climb import climb
from gradino.measure.climb.recipes import RECIPES
from gradino.measure.plan import plan
from gradino.operate.project import load
from tests.measure.conftest import write_commit

Maker = Callable[..., Path]
TEST = """\
from fastapi.testclient import TestClient

from bikes.api import app
from bikes.features import hour


def test_hour():
    assert hour("2011-01-01 05:00") == 5


def test_predict_answers_with_a_number():
    answer = TestClient(app).post("/predict", json={"hour": 5})
    assert answer.status_code == 200
    assert answer.json()["rentals"] > 0
"""
API = """\
from fastapi import FastAPI
from sklearn.linear_model import LinearRegression

app = FastAPI()
model = LinearRegression().fit([[0], [1]], [1, 2])


@app.post("/predict")
def predict(row: dict):
    return {"rentals": float(model.predict([[row["hour"]]])[0])}
"""
TRAIN = """\
import json
import re
import shlex

import joblib
import pandas as pd
from sklearn.linear_model import LinearRegression

from bikes.features import hour


def main():
    rides = pd.read_csv("data/rides.csv")
    model = LinearRegression().fit(rides[["hour"]], rides["rentals"])
    joblib.dump(model, "models/model.pkl")
    with open("models/metrics.json", "w") as file:
        json.dump({"r2": model.score(rides[["hour"]], rides["rentals"])}, file)


if __name__ == "__main__":
    main()
"""
BIKES = {
    "requirements.txt": "scikit-learn==1.5.2\npandas==2.2.3\njoblib==1.4.2\nfastapi==0.115.0\nhttpx==0.27.2\n",
    "bikes/__init__.py": "",
    "bikes/features.py": "def hour(date):\n    return int(date[11:13])\n",
    "bikes/train.py": TRAIN,
    "bikes/api.py": API,
    "models/.gitkeep": "",
    "data/rides.csv": "hour,rentals\n" + "".join(f"{h},{3 * h + 1}\n" for h in range(24)),
    "tests/test_bikes.py": TEST,
    "Dockerfile": 'FROM python:3.12\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY bikes/ bikes/\nCMD ["uvicorn", "bikes.api:app"]\n',
}  # fmt: skip
MANIFESTS = {
    "k8s/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: bikes
  namespace: rides
spec:
  selector: {matchLabels: {app: bikes}}
  template:
    metadata: {labels: {app: bikes}}
    spec:
      containers:
        - name: bikes
          image: registry.example.org:5000/team/bikes:1.0
""",
    "k8s/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: bikes}\nspec: {selector: {app: bikes}, ports: [{port: 80}]}\n",
}
FOR = {
    "tests": "integration.application-tests",
    "training": "creation.training",
    "image": "integration.builds",
    "deployment": "release.ownership",
}


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["climb", *words])


def levels(root: Path) -> dict[str, int]:
    return {t.id: t.level.wired for t in assess(root).tracks}


def commit_all(root: Path, message: str = "Climb") -> None:
    shown = subprocess.run(["git", "ls-files", "-o", "--exclude-standard"], cwd=root, capture_output=True, text=True)
    write_commit(root, {name: (root / name).read_text() for name in shown.stdout.split()}, message)


def valid(files: list[Path], *schema: str) -> None:
    check = [Path(sys.executable).parent / "check-jsonschema", "--regex-variant", "nonunicode", "--builtin-schema"]
    done = subprocess.run([*check, *schema, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def raised(made: object) -> set[str]:
    return {f"{r.track}@{r.level}" for r in made.rose}  # type: ignore[attr-defined]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_raises_what_it_says_and_nothing_falls(recipe: str, repository: Maker) -> None:
    root = repository(BIKES | MANIFESTS)
    if recipe == "deployment":
        assert run(str(root), "--track", "integration.builds", "--yes").exit_code == 0
        commit_all(root)
    before, made = levels(root), climb(root, track=FOR[recipe])
    assert raised(made) & set(RECIPES[recipe][1])
    assert run(str(root), "--track", FOR[recipe], "--yes").exit_code == 0
    commit_all(root)
    after = levels(root)
    assert {t for t in after if after[t] > before[t]} == {r.track for r in made.rose}
    assert not {t for t in after if after[t] < before[t]}
    assert {r.now for r in made.rose} == {"wired"}


def test_it_climbs_until_people_are_needed(repository: Maker) -> None:
    root = repository(BIKES | MANIFESTS)
    for _ in range(8):
        made = json.loads(run(str(root), "--yes", "--json").stdout)
        if not made["files"]:
            break
        commit_all(root)
    assert not made["files"]
    written = "".join(path.read_text() for path in root.glob(".github/workflows/*"))
    assert not re.search(r"echo|\|\| true|continue-on-error|if: false|set \+e|exit 0", written)
    found = assess(root)
    for track in (
        "integration.builds",
        "creation.compute",
        "release.scoring-script",
        "release.process",
        "release.ownership",
    ):
        assert found.track(track).level.wired == 4
    assert found.track("creation.training").level.wired == 3
    assert found.track("integration.application-tests").level.wired == 2
    open_rungs = {f"{i.track}@{i.level}" for x in plan(found).increments for i in x.items}
    assert {f"{x['track']}@{x['level']}" for x in made["passed"]} == open_rungs
    assert all(x["why"] and x["criterion"] for x in made["passed"])
    valid([*root.glob(".github/workflows/*.yml")], "vendor.github-workflows")


def test_a_second_run_writes_nothing_new(repository: Maker) -> None:
    root = repository(BIKES)
    first = json.loads(run(str(root), "--yes", "--json").stdout)
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git/" not in str(path)}
    again = json.loads(run(str(root), "--yes", "--json").stdout)
    assert [file["path"] for file in again["files"] if file["there"]] == [file["path"] for file in first["files"]]
    assert again["rose"] == first["rose"]
    assert files == {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git/" not in str(path)}


@pytest.mark.parametrize(
    ("files", "track", "why"),
    [
        ({"tests/test_bikes.py": None}, "integration.application-tests", "no test function asserts anything"),
        ({"tests/test_bikes.py": "def test_it():\n    assert True\n"}, "integration.application-tests", "no test function"),
        ({"tests/test_bikes.py": "import joblib\n\n\ndef test_it():\n    assert joblib.load('m.pkl').predict([1]) > 0\n"},
         "integration.application-tests", "reads m.pkl, which is not in the repository"),
        ({"requirements.txt": None}, "integration.application-tests", "nothing says what to install"),
        ({"data/rides.csv": None}, "creation.training", "reads data/rides.csv, which the repository does not hold"),
        ({"bikes/train.py": TRAIN.replace("rides = pd", "parser.add_argument('--data', required=True)\n    rides = pd")},
         "creation.training", "wants --data"),
        ({"bikes/train.py": TRAIN.replace('    joblib.dump(model, "models/model.pkl")\n', "")},
         "creation.training", "a run would leave nothing behind"),
        ({"bikes/train.py": "import mlflow\n" + TRAIN.replace("rides = pd", "mlflow.set_tracking_uri('http://localhost:5000')\n    rides = pd")},
         "creation.training", "speaks to http://localhost:5000"),
        ({"bikes/train_tree.py": TRAIN}, "creation.training", "each train something"),
        ({"Dockerfile": "FROM python:3.12\nCOPY model.pkl .\n"}, "integration.builds", "copies model.pkl, which is not"),
        ({"Dockerfile": None}, "integration.builds", "there is none"),
        ({".travis.yml": "script: pytest --version\n"}, "integration.builds", "its pipelines run on Travis"),
        ({".github/workflows/tests.yml": "on: push\njobs: {lint: {runs-on: x, steps: [{run: ruff check}]}}\n"},
         "integration.application-tests", "tests.yml is there already and is left alone"),
        ({}, "people.data-engineers", "gradino interview"),
        ({}, "release.ownership", "one Deployment of Kubernetes with an image of its own was looked for; found: none"),
        (MANIFESTS, "release.ownership", "climb integration.builds first"),
        (MANIFESTS | {"k8s/other.yaml": MANIFESTS["k8s/deployment.yaml"].replace("bikes", "taxis")}, "release.ownership", "found: k8s/deployment.yaml, k8s/other.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_said_and_nothing_is_written(
    files: dict[str, str | None], track: str, why: str, repository: Maker
) -> None:
    root = repository({name: text for name, text in (BIKES | files).items() if text is not None})
    done = run(str(root), "--track", track, "--yes")
    assert done.exit_code == 0
    assert why in done.output
    assert "Nothing can be written" in done.output
    assert not subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True).stdout


def test_without_a_terminal_nothing_is_written_unless_told(repository: Maker) -> None:
    root = repository(BIKES)
    for words in ([], ["--json"]):
        done = run(str(root), *words)
        assert isinstance(done.exception, EvidenceError)
        assert "--yes" in done.exception.next
    shown = run(str(root), "--dry-run", "--json")
    assert json.loads(shown.stdout)["schema"] == "gradino.climb/1"
    assert not (root / ".github").exists()


def test_files_with_changes_of_yours_are_not_built_upon(repository: Maker) -> None:
    root = repository(BIKES)
    (root / "requirements.txt").write_text("scikit-learn\n")
    done = run(str(root), "--yes")
    assert isinstance(done.exception, EvidenceError)
    assert done.exception.what == "requirements.txt has changes that are not committed."
    assert not (root / ".github").exists()


def test_a_file_that_is_there_is_never_touched(repository: Maker) -> None:
    root = repository(BIKES)
    mine = root / ".github" / "workflows" / "tests.yml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert run(str(root), "--track", "integration.application-tests", "--yes").exit_code == 0
    assert mine.read_text() == "mine"


def test_nothing_is_written_through_a_link(repository: Maker, tmp_path: Path) -> None:
    root = repository(BIKES)
    (tmp_path / "elsewhere").mkdir()
    (root / ".github").symlink_to(tmp_path / "elsewhere")
    done = run(str(root), "--yes")
    assert isinstance(done.exception, EvidenceError)
    assert "leads out of the repository" in done.exception.what
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_folder_without_a_commit_is_refused(tmp_path: Path) -> None:
    done = run(str(tmp_path), "--yes")
    assert isinstance(done.exception, EvidenceError)
    assert "git init" in done.exception.next


MODEL = """\
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor


def train(rides: pd.DataFrame, *, learning_rate: float = 0.1) -> HistGradientBoostingRegressor:
    x, y = rides[["warmth"]], rides["rentals"]
    wanted = rides["rentals"]
    model = HistGradientBoostingRegressor(learning_rate=learning_rate)
    model.fit(x, wanted)
    return model
"""
SHOP = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["pandas", "scikit-learn"]\n',
    "shop/__init__.py": "",
    "shop/model.py": MODEL,
    "data/rides.csv": "hour,warmth,rentals\n" + "".join(f"2026-01-01T{h:02}:00:00,{h},{3 * h}\n" for h in range(24)),
}


def test_a_project_file_is_written_from_what_is_there(repository: Maker) -> None:
    root = repository(SHOP, "shop")
    before, done = levels(root), run(str(root), "--adopt", "--yes")
    assert done.exit_code == 0
    project = load(root)
    assert (project.name, project.project.task, project.project.target) == ("shop", "regression", "rentals")
    assert (project.project.time, str(project.data.source)) == ("hour", "data/rides.csv")
    assert str(project.training.train) == "shop.model:train"
    commit_all(root)
    after = levels(root)
    assert all(after[t] >= before[t] for t in after)
    assert after["creation.training"] == 4
    assert after["creation.data-collection"] == 0, "a table that lies at a commit brings nothing new"


@pytest.mark.parametrize(
    ("files", "words", "why"),
    [
        ({"data/rides.csv": None}, [], "time, source cannot be seen"),
        ({"data/more.csv": SHOP["data/rides.csv"]}, [], "time, source cannot be seen"),
        ({"shop/model.py": MODEL.replace("(rides: pd.DataFrame", "(x, y")}, [], "found: none"),
        ({"shop/model.py": MODEL.replace("    return model\n", "")}, [], "found: none"),
        ({"shop/other.py": MODEL}, [], "shop.model:train, shop.other:train"),
        ({"shop/model.py": MODEL.replace("HistGradientBoostingRegressor", "Pipeline")}, [], "task cannot be seen"),
        ({"gradino.toml": "[project]\n"}, [], "is there already"),
        ({}, ["--set", "colour=blue"], "'colour=blue' gives nothing"),
    ],
)
def test_a_value_that_cannot_be_seen_must_be_given(
    files: dict[str, str | None], words: list[str], why: str, repository: Maker
) -> None:
    root = repository({name: text for name, text in (SHOP | files).items() if text is not None})
    done = run(str(root), "--adopt", "--yes", *words)
    assert isinstance(done.exception, EvidenceError)
    assert why in done.exception.what


def test_what_is_given_is_what_is_written(repository: Maker) -> None:
    root = repository(SHOP | {"shop/other.py": MODEL, "data/more.csv": SHOP["data/rides.csv"]})
    told = ["--set", "train=shop.other:train", "--set", "source=data/*.csv", "--set", "time=hour", "--set", "name=till"]
    assert run(str(root), "--adopt", "--yes", *told).exit_code == 0
    assert load(root).name == "till"
    assert str(load(root).training.train) == "shop.other:train"


def test_overlays_of_two_environments_are_climbed_one_after_the_other(repository: Maker) -> None:
    overlay = "resources: [../../base]\nnamespace: {0}\nnamePrefix: {0}-\n"
    moved = {p.replace("k8s/", "k8s/base/"): text for p, text in MANIFESTS.items()}
    moved |= {"k8s/base/kustomization.yaml": "resources: [deployment.yaml, service.yaml]\n"}
    moved |= {f"k8s/overlays/{n}/kustomization.yaml": overlay.format(n) for n in ("staging", "production")}
    root = repository(BIKES | moved)
    assert run(str(root), "--track", "integration.builds", "--yes").exit_code == 0
    commit_all(root)
    made = climb(root, track="release.environments")
    assert {"release.environments@4", "release.ownership@4", "operations.availability@4"} <= raised(made)
    (file,) = made.files
    jobs = YAML(typ="safe").load(file.text)["jobs"]
    assert list(jobs) == ["staging", "production"]
    assert jobs["production"]["needs"] == "staging"
    said = [step.get("run", "") for step in jobs["production"]["steps"]]
    assert said[2].startswith('kustomize edit set image "registry.example.org:5000/team/bikes=ghcr.io/')
    assert said[4] == "kubectl rollout status deployment/production-bikes --namespace production --timeout=10m"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "schema", "pattern"),
    [
        ("gitlab", ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"], ".gitlab*/**/*.yml"),
        ("azure", ["vendor.azure-pipelines", "--data-transform", "azure-pipelines"], "azure-pipelines-*.yml"),
    ],
)
def test_other_hosts_get_the_same_in_their_own_words(
    host: str, schema: list[str], pattern: str, repository: Maker
) -> None:
    root = repository(BIKES)
    before, rose = levels(root), set[str]()
    for track in FOR.values():
        made = climb(root, track=track, host=host)  # type: ignore[arg-type]
        rose |= raised(made)
        assert run(str(root), "--track", track, "--host", host, "--yes").exit_code == 0
        commit_all(root)
    after = levels(root)
    assert {"integration.application-tests@2", "creation.compute@4", "creation.training@3"} <= rose
    assert ("integration.builds@4" in rose) == (host == "gitlab"), "a registry on Azure has a name that no file says"
    assert not {t for t in after if after[t] < before[t]}
    valid([*root.glob(pattern), *root.glob(".gitlab-ci.yml")], *schema)


def test_a_root_file_of_gitlab_is_left_alone_and_asked_to_take_files_in(repository: Maker) -> None:
    mine = "lint:\n  script: ruff check\n"
    root = repository(BIKES | {".gitlab-ci.yml": mine})
    done = run(str(root), "--track", "integration.application-tests", "--yes")
    assert "add to it `include: [{local: /.gitlab/ci/*.yml}]`" in done.output.replace("\n", " ")
    assert (root / ".gitlab-ci.yml").read_text() == mine
    write_commit(root, {".gitlab-ci.yml": f"include: [{{local: /.gitlab/ci/*.yml}}]\n{mine}"})
    made = climb(root, track="integration.application-tests")
    assert [file.path for file in made.files] == [".gitlab/ci/tests.yml"]


def test_what_is_documented_can_be_followed(repository: Maker) -> None:
    page = (Path(__file__).parents[2] / "docs" / "climb.md").read_text()
    told = re.findall(r"^gradino climb .*", page, re.MULTILINE)
    assert len(told) == 3
    root = str(repository(SHOP | BIKES | {"data/rides.csv": SHOP["data/rides.csv"]}))
    for command in told:
        words = shlex.split(command.replace("PATH", root))[2:]
        done = run(*words, *([] if "--dry-run" in words else ["--dry-run"]))
        assert done.exit_code == 0, done.output
        assert "+++ b/" in done.output
    shown = json.loads(run(root, "--dry-run", "--json").stdout)
    fields = set(re.findall(r"`(\w+)`", page.partition("## The JSON")[2].partition("A new recipe")[0]))
    assert set(shown) - {"schema"} <= fields
    assert {k for name in ("files", "rose", "left") for one in shown[name] for k in one} <= fields
    recipes = re.findall(r"^\| `(\w+)` \| .* \|(.*) \|$", page.partition("## What it can write")[2], re.MULTILINE)
    for name, rungs in recipes:
        tracks = dict.fromkeys(re.findall(r"`([\w.-]+)`", rungs))
        assert {r.partition("@")[0] for r in RECIPES[name][1]} == set(tracks)
    assert [name for name, _ in recipes] == list(RECIPES)


@pytest.mark.slow
def test_the_commands_that_are_written_do_what_they_say(repository: Maker) -> None:
    root = repository(
        BIKES
        | {
            "tests/test_bikes.py": "from bikes.features import hour\n\n\ndef test_hour():\n    assert hour('2011-01-01 05:00') == 5\n"
        }
    )
    for track in ("integration.application-tests", "creation.training"):
        assert run(str(root), "--track", track, "--yes").exit_code == 0
    kept: list[str] = []
    for name, job in (("tests", "tests"), ("training", "train")):
        workflow = YAML(typ="safe").load((root / ".github" / "workflows" / f"{name}.yml").read_text())
        for step in workflow["jobs"][job]["steps"]:
            kept += step.get("with", {}).get("path", "").split()
            if (command := step.get("run")) and " install " not in command:
                command = command.replace("python", sys.executable, 1)
                done = subprocess.run(["bash", "-e", "-c", command], cwd=root, capture_output=True, text=True)
                assert done.returncode == 0, done.stdout + done.stderr
    assert kept == ["models/model.pkl", "models/metrics.json"]
    assert all((root / path).stat().st_size for path in kept)


@pytest.mark.parametrize(
    ("files", "installs"),
    [
        ({"uv.lock": "pytest\n", "pyproject.toml": '[dependency-groups]\ntest = ["pytest"]\n'},
         ["uv sync --locked --group test", "uv run --no-sync python -m pytest tests"]),
        ({"uv.lock": "", "pyproject.toml": "[project]\nname = 'bikes'\n"},
         ["uv sync --locked", "uv pip install pytest", "uv run --no-sync python -m pytest tests"]),
        ({"poetry.lock": "", "pyproject.toml": '[tool.poetry]\nname = "bikes"\n[tool.poetry.group.qa]\noptional = true\n[tool.poetry.group.qa.dependencies]\npytest = "*"\n'},
         ["pipx install poetry", "poetry install --no-interaction --with qa", "poetry run python -m pytest tests"]),
        ({"Pipfile.lock": "", "Pipfile": '[dev-packages]\npytest = "*"\n'},
         ["python -m pip install pipenv", "pipenv sync --dev", "pipenv run python -m pytest tests"]),
        ({"environment.yml": "name: x\ndependencies:\n  - python=3.11\n"},
         ["python -m pip install pytest", "python -m pytest tests"]),
        ({"requirements.txt": "numpy\n", "requirements-dev.txt": "pytest\n"},
         ["python -m pip install -r requirements.txt -r requirements-dev.txt", "python -m pytest tests"]),
        ({"pyproject.toml": '[project]\nname = "bikes"\nrequires-python = ">=3.13"\n[project.optional-dependencies]\ntest = ["pytest"]\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'},
         ['python -m pip install -e ".[test]"', "python -m pytest"]),
    ],
)  # fmt: skip
def test_a_project_is_installed_as_it_installs_itself(
    files: dict[str, str], installs: list[str], repository: Maker
) -> None:
    test = "from bikes.features import hour\n\n\ndef test_hour():\n    assert hour('2011-01-01 05:00') == 5\n"
    root = repository(
        {"bikes/__init__.py": "", "bikes/features.py": BIKES["bikes/features.py"], "tests/test_hour.py": test} | files
    )
    (file,) = climb(root, track="integration.application-tests").files
    steps = YAML(typ="safe").load(file.text)["jobs"]["tests"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == installs


def test_a_project_of_several_gets_pipelines_of_its_own(repository: Maker) -> None:
    root = repository({f"{name}/{path}": text for name in ("bikes", "taxis") for path, text in BIKES.items()})
    refused = run(str(root), "--yes")
    assert isinstance(refused.exception, EvidenceError)
    assert refused.exception.next == "Climb one project at a time: bikes, taxis."
    files = {f.path: f.text for track in list(FOR.values())[:3] for f in climb(root / "bikes", track=track).files}
    assert sorted(files) == [f".github/workflows/{name}-bikes.yml" for name in ("image", "tests", "training")]
    image, tests, training = (YAML(typ="safe").load(files[path]) for path in sorted(files))
    assert image["jobs"]["image"]["steps"][-1]["with"]["context"] == "bikes"
    assert "ghcr.io/${{ github.repository }}-bikes\n" in files[".github/workflows/image-bikes.yml"]
    assert tests["jobs"]["tests"]["defaults"]["run"]["working-directory"] == "bikes"
    assert training["on"]["push"]["paths"] == ["bikes/**", ".github/workflows/training-bikes.yml"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda root: (root / ".github/workflows/tests.yml").mkdir(parents=True), "is there already and is left alone"),
        (lambda root: write_commit(root, {".gitignore": ".github\n"}), "would be ignored by git"),
    ],
)
def test_a_place_that_cannot_be_used_is_named(make: Callable[[Path], None], why: str, repository: Maker) -> None:
    root = repository(BIKES)
    make(root)
    assert why in run(str(root), "--track", "integration.application-tests", "--yes").output


def test_a_command_that_is_named_is_the_one_that_trains(repository: Maker) -> None:
    root = repository(BIKES | {"bikes/train_tree.py": TRAIN})
    (file,) = climb(root, track="creation.training", command="python -m bikes.train_tree").files
    assert "      - run: python -m bikes.train_tree\n" in file.text
    refused = climb(root, track="creation.training", command="python -m bikes.features")
    assert not refused.files
    assert "`python -m bikes.features` is not seen to train a model" in refused.passed[0].why


def test_stages_of_dvc_are_run_once_their_data_is_there(repository: Maker) -> None:
    stages = "stages:\n  train:\n    cmd: python -m bikes.train\n    deps: [data/rides.csv]\n    outs: [models/model.pkl]\n    metrics: [models/metrics.json]\n"
    remote = "[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://rides\n"
    pointer = "outs:\n  - md5: d41d8cd98f00b204e9800998ecf8427e\n    path: rides.csv\n"
    files = BIKES | {"dvc.yaml": stages, ".dvc/config": remote, "data/rides.csv.dvc": pointer}
    root = repository({path: text for path, text in files.items() if path != "data/rides.csv"})
    made = climb(root, track="creation.training")
    steps = YAML(typ="safe").load(made.files[0].text)["jobs"]["train"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [
        "python -m pip install -r requirements.txt 'dvc[s3]'",
        "dvc pull",
        "dvc repro",
    ]
    assert steps[-1]["with"]["path"].split() == ["models/model.pkl", "models/metrics.json"]
    assert "give the pipeline the secret AWS_SECRET_ACCESS_KEY" in made.todo
    write_commit(root, {".dvc/config": remote.replace("s3://rides", "/home/ada/rides")})
    assert "which a hosted runner does not reach" in climb(root, track="creation.training").passed[0].why
