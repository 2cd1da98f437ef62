"""One sighting per kind of source: what counts as firing there, and what does not."""

# ruff: noqa: E501 - a table reads better unwrapped

from collections.abc import Callable
from datetime import date

import pytest

from gradino import maturity
from gradino.measure.assessment import conclude
from gradino.measure.history import History
from gradino.measure.scene import survey
from gradino.measure.template import generated
from gradino.measure.tree import Tree

TRAIN = "from sklearn.svm import SVC\n\ndef train():\n    SVC().fit(x, y)\n\nif __name__ == '__main__':\n    train()\n"
API = "from fastapi import FastAPI\nimport joblib\napp = FastAPI()\nmodel = joblib.load('m')\n\n@app.post('/predict')\ndef predict(x):\n    return model.predict(x)\n"


def levels(files: dict[str, str]) -> Callable[[str], int]:
    """Wired levels of a project of these files and a training script and a service."""
    every = {"train.py": TRAIN, "api.py": API} | files
    blobs = {p: t.encode() for p, t in sorted(every.items())}
    tree = Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get)
    found = conclude(survey(tree, History()), maturity.load(), "x", date(2026, 1, 1))
    assert not [n for n in found.notes if "Error" in n]
    return lambda track: found.track(track).level.wired


@pytest.mark.parametrize(
    ("path", "text", "level"),
    [
        (".gitlab-ci.yml", "train:\n  rules:\n    - if: $CI_PIPELINE_SOURCE == 'schedule'\n  script: [python train.py]\n", 3),
        (".gitlab-ci.yml", "train:\n  when: manual\n  script: [python train.py]\n", 1),
        (".gitlab-ci.yml", "train:\n  rules:\n    - when: never\n  script: [python train.py]\n", 1),
        ("azure-pipelines.yml", "trigger: [main]\npool: {vmImage: u}\nsteps:\n  - script: python train.py\n", 3),
        ("azure-pipelines.yml", "trigger: none\npool: {vmImage: u}\nsteps:\n  - script: python train.py\n", 1),
        ("azure-pipelines.yml", "trigger: [main]\nsteps:\n  - script: python train.py\n    condition: false\n", 1),
        ("lines/04-train.yml", "trigger: [main]\nsteps:\n  - task: AzureCLI@2\n    inputs: {inlineScript: python train.py}\n", 3),
        ("lines/04-train.yml", "trigger: [main]\nsteps:\n  - task: fit\n    inputs: {inlineScript: python train.py}\n", 1),
        ("Jenkinsfile", "pipeline { stages { stage('Train') {\n when {\n changeset '*.py'\n }\n steps { sh 'python train.py' } } } }\n", 3),
        ("Jenkinsfile", "pipeline { stages { stage('Train') {\n when {\n changeset 'shop/train/*'\n }\n steps { sh 'python train.py' } } } }\n", 1),
        ("Jenkinsfile", "pipeline { stages { stage('Train') { steps { sh 'python train.py' } } } }\n", 3),
        ("Jenkinsfile", "pipeline { stages { stage('Train') { steps { echo 'python train.py' } } } }\n", 1),
        (".circleci/config.yml", "jobs:\n  t:\n    steps:\n      - run: python train.py\nworkflows:\n  w:\n    jobs: [t]\n", 3),
        (".drone.yml", "kind: pipeline\nsteps:\n  - name: t\n    commands: [python train.py]\n    when:\n      event: [tag]\n", 3),
        (".drone.yml", "kind: pipeline\nsteps:\n  - name: t\n    commands: [python train.py]\n    when:\n      event: [promote]\n", 1),
        ("conf/deployment.yml", "environments:\n  prod:\n    jobs:\n      - name: t\n        schedule: {quartz_cron_expression: '0 0 * * * ?'}\n        spark_python_task: {python_file: 'file://train.py'}\n", 3),
        ("conf/deployment.yml", "environments:\n  prod:\n    jobs:\n      - name: t\n        spark_python_task: {python_file: 'file://train.py'}\n", 1),
        ("bitbucket-pipelines.yml", "pipelines:\n  default:\n    - step:\n        script: [python train.py]\n", 3),
        ("bitbucket-pipelines.yml", "pipelines:\n  custom:\n    x:\n      - step:\n          script: [python train.py]\n", 1),
        ("dag.py", "from airflow import DAG\nfrom train import train\nwith DAG('d', schedule='@daily') as d:\n    train()\n", 3),
        ("dag.py", "from airflow import DAG\nfrom train import train\nwith DAG('d', schedule=None) as d:\n    train()\n", 1),
        ("flow.py", "from prefect import flow\nfrom train import train\n@flow\ndef f():\n    train()\nf.serve(cron='0 1 * * *')\n", 3),
        ("flow.py", "from prefect import flow\nfrom train import train\n@flow\ndef f():\n    train()\n", 1),
        ("job.py", "import schedule\nfrom train import train\nschedule.every().day.do(train)\n", 3),
        ("lr.py", "from torch.optim import lr_scheduler\nscheduler = lr_scheduler.StepLR(o, 1)\nscheduler.step()\n", 1),
        (".github/workflows/t.yml", "on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: python start.py --module-name pipelines.nightly\n", 3),
        (".github/workflows/t.yml", "on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: python start.py --module-name pipelines.missing\n", 1),
        ("k8s/cron.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: t}\nspec:\n  schedule: '0 1 * * *'\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n            - command: [python, train.py]\n", 3),
        ("k8s/cron.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: t}\nspec:\n  suspend: true\n  schedule: '0 1 * * *'\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n            - command: [python, train.py]\n", 1),
    ],
)  # fmt: skip
def test_what_trains_by_itself(path: str, text: str, level: int) -> None:
    beside = {
        "start.py": "import sys\n__import__(sys.argv[2])\n",
        "pipelines/nightly.py": "from train import train\n\n\ndef run():\n    train()\n",
    }
    assert levels({path: text, **beside})("creation.training") == level


@pytest.mark.parametrize(("status", "level"), [("active", 3), ("inactive", 1)])
def test_a_pipeline_of_mage_runs_while_its_trigger_is_active(status: str, level: int) -> None:
    files = {
        "m/pipelines/nightly/metadata.yaml": "blocks:\n- uuid: fit\n  type: transformer\n",
        "m/pipelines/nightly/triggers.yaml": f"triggers:\n- schedule_type: time\n  status: {status}\n",
        "m/transformers/fit.py": "from train import train\n\n\n@transformer\ndef fit():\n    train()\n",
    }
    assert levels(files)("creation.training") == level


@pytest.mark.parametrize(("folder", "level"), [("", 4), ("dashboard/", 1)])
def test_the_environment_must_be_that_of_training(folder: str, level: int) -> None:
    files = {
        f"{folder}requirements.txt": "scikit-learn==1.5.0\npandas==2.2.0\n",
        f"{folder}main.py": "",
        "data/rides.csv": "a,b\n" * 2000,
    }
    assert levels(files)("creation.reproducibility") == level


def test_a_loose_training_library_pins_nothing() -> None:
    files = {
        "requirements.txt": "pandas==2.2.0\nnumpy==2.0\njoblib==1.4\nclick==8.1\nscikit-learn\n",
        "data/rides.csv": "a,b\n" * 2000,
    }
    assert levels(files)("creation.reproducibility") == 1


def test_a_manifest_without_a_workload_deploys_nothing() -> None:
    workflow = "on: push\njobs:\n  d:\n    runs-on: u\n    steps:\n      - run: kubectl apply -f k8s/{}.yaml\n"
    manifests = {
        f"k8s/{kind.lower()}.yaml": f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\n"
        for kind in ("Namespace", "Deployment")
    }
    assert levels({".github/workflows/d.yml": workflow.format("namespace"), **manifests})("release.process") == 1
    assert levels({".github/workflows/d.yml": workflow.format("deployment"), **manifests})("release.process") == 4


def test_seed_code_is_read_as_the_repository_that_it_becomes() -> None:
    files = {
        "train.py": TRAIN,
        ".github/workflows/t.yml": "on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: python train.py\n",
    }
    blobs = {f"seedcode/{p}": t.encode() for p, t in sorted(files.items())}
    tree = generated(Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get))
    found = conclude(survey(tree, History()), maturity.load(), "x", date(2026, 1, 1))
    assert found.track("creation.training").level.wired == 3
    assert found.track("creation.training").rungs[1].evidence[0].locator.startswith("seedcode/")


@pytest.mark.parametrize(
    "task", ["[tool.pixi.feature.test.tasks]", "[tool.pdm.scripts]", "[tool.hatch.envs.default.scripts]"]
)
def test_a_task_of_the_project_runs_what_it_says(task: str) -> None:
    runner = task.split(".")[1]
    files = {
        "pyproject.toml": f'{task}\nchecks = "pytest tests"\n',
        "tests/test_a.py": "from train import train\n\n\ndef test_a():\n    assert train() == 1\n",
        ".github/workflows/t.yml": f"on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: {runner} run checks\n",
    }
    assert levels(files)("integration.application-tests") == 2


def test_reusable_workflows_and_composite_actions_are_followed() -> None:
    files = {
        ".github/workflows/main.yml": "on: push\njobs:\n  t:\n    uses: ./.github/workflows/inner.yaml\n",
        ".github/workflows/inner.yaml": "on: workflow_call\njobs:\n  a:\n    steps:\n      - uses: ./.github/actions/train\n",
        ".github/actions/train/action.yml": "runs:\n  using: composite\n  steps:\n    - run: make train\n      shell: bash\n",
        "Makefile": "PY = python\ntrain: data\n\t$(PY) train.py\ndata:\n\techo data\n",
    }
    assert levels(files)("creation.training") == 3
    assert (
        levels(
            files
            | {
                ".github/workflows/main.yml": "on: workflow_dispatch\njobs:\n  t:\n    uses: ./.github/workflows/inner.yaml\n"
            }
        )("creation.training")
        == 1
    )


def test_a_workflow_that_follows_a_missing_one_never_fires() -> None:
    text = "on:\n  workflow_run:\n    workflows: [nope]\njobs:\n  t:\n    steps:\n      - run: python train.py\n"
    assert levels({".github/workflows/x.yml": text})("creation.training") == 1


def test_a_pipe_loses_the_exit_status_unless_told_otherwise() -> None:
    test = "def test_a():\n    assert f() == 1\n"
    text = "on: push\njobs:\n  t:\n    steps:\n      - run: pytest | tee log\n"
    strict = "on: push\njobs:\n  t:\n    steps:\n      - shell: bash\n        run: pytest | tee log\n"
    assert levels({"tests/test_a.py": test, ".github/workflows/x.yml": text})("integration.application-tests") == 0
    assert levels({"tests/test_a.py": test, ".github/workflows/x.yml": strict})("integration.application-tests") == 2


def test_dvc_versions_data_models_and_metrics() -> None:
    files = {
        "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n    outs: [model.pkl]\n    metrics: [m.json]\n",
        "data.csv.dvc": "outs:\n  - md5: abc\n    path: data.csv\n",
        ".dvc/config": "['remote \"s3\"']\n    url = s3://bucket\n",
        "requirements.txt": "scikit-learn==1.5.0\npandas==2.2.0\n",
    }
    found = levels(files)
    assert (found("creation.experiments"), found("creation.versioning"), found("creation.reproducibility")) == (4, 4, 4)
    assert levels(files | {"requirements.txt": "scikit-learn\npandas>=2\n"})("creation.reproducibility") == 1
    assert levels(files | {".dvc/config": "[core]\n"})("creation.versioning") == 1


def test_a_disabled_cloud_schedule_is_not_wired() -> None:
    text = "Resources:\n  R:\n    Type: AWS::Events::Rule\n    Properties:\n      ScheduleExpression: cron(0 1 * * ? *)\n      State: {}\n      Targets: [StartPipeline sagemaker]\n"
    assert levels({"t.yml": text.format("ENABLED")})("creation.training") == 3
    assert levels({"t.yml": text.format("DISABLED")})("creation.training") == 1


def test_a_drift_monitor_without_a_schedule_is_not_wired() -> None:
    text = "resources:\n  quality_monitors:\n    m:\n      table_name: t\n{}"
    on = text.format("      schedule:\n        quartz_cron_expression: 0 0 8 * * ?\n")
    assert levels({"r.yml": on})("operations.feedback") == 4
    assert levels({"r.yml": text.format("      schedule: null\n")})("operations.feedback") == 0


def test_a_helm_template_is_read_without_its_directives() -> None:
    text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Values.name }}\nspec:\n{{- if .Values.x }}\n  replicas: 2\n{{- end }}\n"
    assert levels({"chart/templates/d.yaml": text})("operations.availability") == 4


def test_an_empty_committed_tracker_shows_nothing() -> None:
    assert levels({"mlflow.db": "SQLite format 3"})("creation.experiments") == 1


def test_syntax_of_a_newer_python_is_still_read() -> None:
    newer = 'import mlflow\ntype X = int\ndef f[T](a: T):\n    print(f"{a["b"]} {", ".join(c)}")\n    SVC().fit(x, y)\n    mlflow.log_metric("m", 1)\n'
    assert levels({"train.py": newer})("creation.experiments") == 4


def test_a_template_of_python_is_read_by_the_names_in_its_holes() -> None:
    test = "from {{app_name}}.pipelines import {{pipeline_name}}\n\n\ndef test_it():\n    assert {}.compile()\n"
    run = "on: push\njobs:\n  t:\n    runs-on: u\n    steps:\n      - run: pytest\n"
    found = [
        levels({".github/workflows/ci.yml": run, "templates/__NAME__/test_it.py": test.replace("{}", said)})
        for said in ("{{pipeline_name}}", "{{pipeline_name}")
    ]
    assert [f("integration.application-tests") for f in found] == [2, 0]


def test_what_only_looks_like_it_does_not_count() -> None:
    text = "on: push\njobs:\n  d:\n    steps:\n      - run: |\n          # kubectl apply -f k8s\n          pip install pytest mlflow\n          printf 'kubectl apply'\n"
    found = levels({".github/workflows/x.yml": text})
    assert (found("release.process"), found("integration.application-tests"), found("creation.experiments")) == (
        1,
        0,
        1,
    )


@pytest.mark.parametrize(
    ("looks", "level"),
    [
        ("assert answer.json()['y'] > 0", 2),
        ("assert answer.status_code == 200", 0),
    ],
)
def test_a_client_over_the_real_model_tests_it_if_the_answer_is_looked_at(looks: str, level: int) -> None:
    test = f"from fastapi.testclient import TestClient\nfrom api import app\n\n\ndef test_it():\n    answer = TestClient(app).post('/predict', json=[1])\n    {looks}\n"
    assert levels({"tests/test_api.py": test})("integration.model-tests") == level


def test_a_test_that_puts_whole_libraries_aside_tests_no_model() -> None:
    test = "import sys\nfrom unittest.mock import MagicMock\nsys.modules['joblib'] = MagicMock()\nfrom fastapi.testclient import TestClient\nfrom api import app\n\n\ndef test_it():\n    assert TestClient(app).post('/predict', json=[1]).json()['y'] > 0\n"
    assert levels({"tests/test_api.py": test})("integration.model-tests") == 0


@pytest.mark.parametrize(("put", "level"), [("api.load_model", 0), ("api.log_prediction", 2)])
def test_an_application_imported_under_a_patch_of_its_model_tests_none(put: str, level: int) -> None:
    test = f"from unittest.mock import patch\nfrom fastapi.testclient import TestClient\nwith patch('{put}'):\n    from api import app\n\n\ndef test_it():\n    assert TestClient(app).post('/predict', json=[1]).json()['y'] > 0\n"
    assert levels({"tests/test_api.py": test})("integration.model-tests") == level


@pytest.mark.parametrize(
    ("folder", "file", "level"), [("web", "page.tsx", 1), ("models", "best.dvc", 4), ("models", "README.md", 4)]
)
def test_a_deployment_of_a_folder_that_holds_a_page_is_none_of_the_model(folder: str, file: str, level: int) -> None:
    flow = f"on: {{push: {{branches: [main]}}}}\njobs:\n  d:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: npm ci && ls {folder}/\n      - run: npx serverless@3.40.0 deploy --stage prod\n"
    files = {".github/workflows/deploy.yml": flow, f"{folder}/{file}": "x", "bikes/__init__.py": ""}
    assert levels(files)("release.process") == level


@pytest.mark.parametrize(("sign", "level"), [("@", 1), ("", 4)])
def test_a_class_that_a_decorator_makes_known_is_no_version(sign: str, level: int) -> None:
    text = f"from sklearn.svm import SVC\nfrom store import registry\n\nSVC().fit(x, y)\n{sign}registry.register_model('net')\nclass Net:\n    pass\n"
    assert levels({"train.py": text})("creation.versioning") == level


def test_a_trainer_that_reports_to_a_tracker_is_tracked() -> None:
    script = "from transformers import Trainer, TrainingArguments\n\ntrainer = Trainer(args=TrainingArguments('out', report_to='{}'))\ntrainer.train()\n"
    assert levels({"tune.py": script.format("wandb")})("creation.experiments") == 4
    assert levels({"tune.py": script.format("none")})("creation.experiments") == 1


@pytest.mark.parametrize(
    ("name", "on", "level"),
    [
        ("deploy_app", "push: {branches: [main]}", 4),
        ("deploy_app", "workflow_dispatch:", 2),
        ("lint", "push: {branches: [main]}", 1),
    ],
)
def test_a_workflow_of_another_repository_is_told_by_its_name(name: str, on: str, level: int) -> None:
    workflow = f"on:\n  {on}\njobs:\n  x:\n    uses: acme/ci/.github/workflows/{name}.yaml@main\n    with: {{environment: production}}\n"
    assert levels({".github/workflows/x.yml": workflow})("release.process") == level


@pytest.mark.parametrize(("action", "level"), [("", 4), ("new actions.ManualApprovalAction({actionName: 'A'}), ", 2)])
def test_a_pipeline_of_the_cdk_in_typescript_deploys_unless_a_person_approves(action: str, level: int) -> None:
    stack = "import * as cdk from 'aws-cdk-lib';\nconst project = new codebuild.PipelineProject(this, 'P', {buildSpec: codebuild.BuildSpec.fromSourceFilename('ship.yml')});\n"
    stack += f"pipeline.addStage({{stageName: 'Ship', actions: [{action}new actions.CodeBuildAction({{actionName: 'D', project: project}})]}});\n"
    ship = "version: 0.2\nphases:\n  build:\n    commands:\n      - aws sagemaker update-endpoint --endpoint-name x\n"
    assert levels({"lib/stack.ts": stack, "ship.yml": ship})("release.process") == level


GITLAB = {
    ".gitlab/ml.yml": "train:\n  script: [python train.py]\n",
    "sub/.gitlab-ci.yml": "train:\n  script: [python train.py]\n",
}


@pytest.mark.parametrize(
    ("root", "level"),
    [
        ("lint:\n  script: [ruff check]\n", 1),  # nothing reaches the other files
        ("include: /.gitlab/ml.yml\n", 3),
        ("include: [{local: /.gitlab/*.yml}]\n", 3),
        ("include: [{local: '*.yml'}]\n", 1),
        ("ml:\n  trigger: {include: sub/.gitlab-ci.yml}\n", 3),
        ("ml:\n  trigger: {include: [{local: /sub/.gitlab-ci.yml}]}\n  when: manual\n", 1),
    ],
)
def test_a_file_of_gitlab_counts_where_the_root_file_reaches_it(root: str, level: int) -> None:
    assert levels(GITLAB | {".gitlab-ci.yml": root})("creation.training") == level


@pytest.mark.parametrize(
    ("filters", "level"),
    [
        ("paths: ['train.py']", 3),
        ("paths: ['**.py', '!docs/**']", 3),
        ("paths: ['ml/**']", 1),  # no such file
        ("paths: ['*.py', '!*.py']", 1),
        ("paths-ignore: ['**.md']", 3),
        ("paths-ignore: ['**']", 1),
        ("{tags: ['v*'], paths: ['ml/**']}", 3),  # a tag passes any filter of paths
    ],
)
def test_a_workflow_whose_paths_fit_no_file_cannot_fire(filters: str, level: int) -> None:
    on = filters if filters.startswith("{") else f"{{{filters}}}"
    job = "jobs:\n  t:\n    runs-on: u\n    steps:\n      - run: python train.py\n"
    assert levels({".github/workflows/t.yml": f"on: {{push: {on}}}\n{job}"})("creation.training") == level


COMPOSE = "services:\n  api:\n    build: .\n    ports: ['80:80']\n  db:\n    image: postgres:16\n"
RUN = "docker run -p 80:80 me/api:1\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"README.md": "```\ndocker compose up --build\n```\n", "compose.yml": COMPOSE}, 2),
        ({"README.md": "```\ndocker compose up -d db\n```\n", "compose.yml": COMPOSE}, 1),  # starts the database only
        ({"README.md": "```\ndocker compose -f kafka.yml up\n```\n", "compose.yml": COMPOSE}, 1),
        (
            {
                "README.md": "```\ndocker compose up\n```\n",
                "compose.yml": COMPOSE.replace("build: .", "image: redis:7"),
            },
            1,
        ),
        ({"README.md": f"```\ndocker build -t me/api:1 .\n{RUN}```\n"}, 1),  # to be built first
        ({"README.md": f"```\n{RUN}```\n", "release.sh": "docker push me/api:1\n"}, 2),
        ({"README.md": "```\ndocker run -p 80:80 prom/prometheus\n```\n", "release.sh": "docker push me/api:1\n"}, 1),
        ({"Makefile": f"deploy:\n\tdocker build -t me/api:1 .\n\t{RUN}"}, 2),
        ({"Makefile": f"run:\n\t{RUN}"}, 1),
        ({"release.sh": f"docker build -t me/api:1 .\n{RUN}"}, 2),
    ],
)
def test_one_command_that_starts_the_service_releases_it_by_hand(files: dict[str, str], level: int) -> None:
    assert levels(files)("release.process") == level


SYNC = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api-prod}\nspec:\n  source: {repoURL: https://git.example.org/x, path: k8s}\n  syncPolicy: {automated: {prune: true}}\n"
WORKLOAD = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {replicas: 1}\n"
ROLLOUT = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api}\nspec: {strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}}\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"argo.yaml": SYNC, "k8s/api.yaml": WORKLOAD}, 4),
        ({"argo.yaml": SYNC.replace("{automated: {prune: true}}", "{}"), "k8s/api.yaml": WORKLOAD}, 1),
        ({"argo.yaml": SYNC}, 1),  # the folder is not there
        ({"argo.yaml": SYNC.replace("git.example.org", "<ORG>"), "k8s/api.yaml": WORKLOAD}, 1),
        ({"argo.yaml": SYNC, "k8s/api.yaml": WORKLOAD, "k8s/rollout.yaml": ROLLOUT}, 2),  # until a person goes on
    ],
)
def test_what_follows_the_repository_deploys_it(files: dict[str, str], level: int) -> None:
    said = {p: t.replace("git.example.org", "git.x.org") for p, t in files.items()}
    assert levels(said)("release.process") == level


@pytest.mark.parametrize(
    ("run", "level"),
    [
        ("ssh -i key $U@$H << EOF\n  cd app\n  sudo docker compose up -d --build\nEOF\n", 4),
        ('ssh u@h "\n  cd app\n  docker compose pull\n  docker compose up -d\n"\n', 4),
        ('ssh u@h "cd app && sudo systemctl restart api"\n', 4),
        ("bash << EOF\nkubectl apply -f k8s/\nEOF\n", 4),
        ("cat << EOF > notes\nkubectl apply -f k8s/\nEOF\n", 1),
        ("ssh u@h docker ps\n", 1),
        ("aws ssm send-command --document-name AWS-RunShellScript --targets Key=tag:a\n", 4),
        ("echo cdk deploy\n", 1),
    ],
)
def test_what_is_done_over_a_shell_elsewhere_is_read(run: str, level: int) -> None:
    text = "".join(f"          {line}\n" for line in run.splitlines())
    job = f"on: push\njobs:\n  d:\n    runs-on: u\n    steps:\n      - run: |\n{text}"
    assert levels({".github/workflows/d.yml": job, "k8s/api.yaml": WORKLOAD})("release.process") == level


def test_a_composite_action_is_read_with_what_its_caller_passes() -> None:
    action = "inputs: {kind: {default: batch}}\nruns:\n  using: composite\n  steps:\n    - run: az ml ${{ inputs.kind }}-deployment create -f d.yml\n      shell: bash\n"
    job = "on: push\njobs:\n  d:\n    runs-on: u\n    steps:\n      - uses: ./act\n        with: {kind: online}\n"
    assert levels({"act/action.yml": action, ".github/workflows/d.yml": job})("release.process") == 4


def test_a_make_target_goes_on_after_a_condition() -> None:
    make = "up:\n\techo go\nifdef service\n\tkubectl apply -f k8s/\nendif\n"
    assert levels({"Makefile": make, "k8s/api.yaml": WORKLOAD})("release.process") == 2


CDK = """\
import cdk = require('aws-cdk-lib');
export class Step extends Construct {
  constructor() { this.project = new codebuild.PipelineProject(this, 'P', { buildSpec: codebuild.BuildSpec.fromObject({ phases: { build: { commands: ['npx cdk deploy "*"'] } } }) }) }
}
const endpoint = new sagemaker.CfnEndpoint(this, 'E', {});
"""
LISTED = "import { X } from 'aws-cdk-lib';\nnew codepipeline.Pipeline(this, 'P', { stages: [{ stageName: 'Source', actions: [s] }, { stageName: 'Deploy', actions: [STEP] }] });\n"
LATER = "import { X } from 'aws-cdk-lib';\nconst d = pipeline.addStage({ stageName: 'Roll' });\nd.addAction(STEP);\n"
OWN = "new actions.CodeBuildAction({ project: new Step(this, 'S').project })"
APPROVE = "new actions.ManualApprovalAction({ actionName: 'A' }), "


@pytest.mark.parametrize(
    ("pipeline", "level"),
    [
        (LISTED.replace("STEP", OWN), 4),
        (LISTED.replace("STEP", "props.rollout"), 4),  # made elsewhere; the stage says what for
        (LISTED.replace("STEP", APPROVE + OWN), 2),
        (LATER.replace("STEP", OWN), 4),
        (LATER.replace("STEP", "props.rollout"), 1),
    ],
)
def test_stages_of_the_cdk_are_found_however_they_are_written(pipeline: str, level: int) -> None:
    assert levels({"lib/step.ts": CDK, "lib/pipeline.ts": pipeline})("release.ownership") == (3 if level > 1 else 0)
    assert levels({"lib/step.ts": CDK, "lib/pipeline.ts": pipeline})("release.process") == level


@pytest.mark.parametrize(
    ("settings", "process", "environments"), [(("staging", "prod"), 2, 4), (("staging",), 2, 2), ((), 1, 2)]
)
def test_the_deployment_project_of_sagemaker_is_known_by_its_settings(
    settings: tuple[str, ...], process: int, environments: int
) -> None:
    build = "version: 0.2\nphases:\n  build:\n    commands: [python build.py --out $EXPORT_TEMPLATE_NAME]\n"
    found = levels({"buildspec.yml": build} | {f"{s}-config.json": "{}" for s in settings})
    assert (found("release.process"), found("release.environments")) == (process, environments)


@pytest.mark.parametrize(("kind", "level"), [("InferenceService", 2), ("ConfigMap", 1)])
def test_a_step_of_argo_that_applies_a_service_deploys(kind: str, level: int) -> None:
    flow = f"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: f}}\nspec:\n  templates:\n    - name: d\n      resource:\n        action: create\n        manifest: |\n          kind: {kind}\n"
    assert levels({"flow.yaml": flow})("release.process") == level


@pytest.mark.parametrize(
    ("said", "level"), [("deployment.yaml", 2), ("service.yaml", 1), ("missing.yaml", 1), ("-", 2)]
)
def test_a_documented_manifest_must_be_there_and_say_what_runs(said: str, level: int) -> None:
    files = {
        "k8s/deployment.yaml": WORKLOAD,
        "k8s/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
    }
    assert levels(files | {"README.md": f"cd k8s\n\n```\nkubectl apply -f {said}\n```\n"})("release.process") == level


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("helm upgrade --install shop charts/shop", 2),
        ("helm upgrade --install shop acme/shop --set image.tag=2", 2),
        ("helm upgrade --install airflow apache-airflow/airflow", 1),
        ("If `helm upgrade` fails, delete the claim", 1),
    ],
)
def test_a_chart_that_others_keep_releases_nothing_of_the_project(said: str, level: int) -> None:
    files = {"charts/shop/Chart.yaml": "name: shop\n", "README.md": f"# Use\n\n{said}\n"}
    assert levels(files)("release.process") == level


@pytest.mark.parametrize(
    ("path", "text", "level"),
    [
        ("render.yaml", "services:\n  - type: web\n    name: api\n    runtime: docker\n", 4),
        ("render.yaml", "services:\n  - type: web\n    name: api\n    autoDeploy: false\n", 2),
        ("render.yaml", "services:\n  - type: web\n    name: page\n    runtime: static\n", 1),
        (".do/app.yaml", "services:\n  - name: api\n    github: {repo: a/b, deploy_on_push: true}\n", 4),
        (".do/app.yaml", "services:\n  - name: api\n    image: {repository: x}\n", 2),
    ],
)
def test_a_platform_that_takes_each_push_deploys_by_itself(path: str, text: str, level: int) -> None:
    assert levels({path: text})("release.process") == level


def test_the_version_of_what_a_request_brings_is_not_that_of_what_was_learnt() -> None:
    train = TRAIN.replace("SVC().fit", "mlflow.log_param('c', SVC().C)\n    mlflow.log_model(1)\n    SVC().fit")
    files = {"train.py": f"import mlflow\n{train}", "render.yaml": "services: [{type: web, name: api}]\n"}
    noted = "import mlflow\nmlflow.set_tag('data_version', version)\n"
    assert levels(files | {"train.py": noted + train})("release.traceability") == 4
    assert levels(files | {"api.py": noted + API})("release.traceability") == 2


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("note({'data_version': table.version, 'git_sha': sha()})", 4),
        ("day = date.today()\nnote({'data_version': day})\nnote({'git_sha': sha()})", 2),
        ("def note(git_sha: str | None = None):\n    save({'data_version': table.version})", 2),
    ],
)
def test_a_version_is_recorded_where_a_value_is_handed_on(said: str, level: int) -> None:
    train = f"{TRAIN.replace('SVC().fit', 'save_metadata(1)' + chr(10) + '    SVC().fit')}\n{said}\n"
    kept = "from sagemaker.estimator import Estimator\n\nEstimator(image_uri='a:1').fit({})\n"
    files = {"train.py": train, "job.py": kept, "render.yaml": "services: [{type: web, name: api}]\n"}
    assert levels(files)("release.traceability") == level


def test_of_what_a_job_of_gitlab_extends_the_last_word_counts() -> None:
    base = ".paths:\n  only: {changes: ['**/*']}\n.checked:\n  only: {refs: [merge_requests]}\n"
    ship = "t:\n  script: [kubectl apply -f k8s/]\n"
    files = {"k8s/api.yaml": WORKLOAD}
    assert levels(files | {".gitlab-ci.yml": f"{base}{ship}  extends: [.paths, .checked]\n"})("release.process") == 2
    assert levels(files | {".gitlab-ci.yml": f"{base}{ship}  extends: .paths\n"})("release.process") == 4


@pytest.mark.parametrize(("only", "level"), [("[merge_requests]", 3), ("[main]", 4)])
def test_a_test_that_runs_on_other_occasions_gates_no_deployment(only: str, level: int) -> None:
    check = f"check:\n  stage: test\n  script: [pytest tests]\n  only: {only}\n"
    ship = "ship:\n  stage: deploy\n  script: [kubectl apply -f k8s/]\n  only: [main]\n"
    files = {"k8s/api.yaml": WORKLOAD, "tests/test_a.py": "def test_a():\n    assert 1 + 1 == 2\n"}
    assert levels(files | {".gitlab-ci.yml": check + ship})("release.ownership") == level


SERVICE = 'resource "google_cloud_run_service" "api" {\n  name = "api"\n}\n'


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"infra/main.tf": SERVICE, "release.sh": "cd infra\nterraform apply -auto-approve\n"}, 2),
        ({"release.sh": "terraform apply -auto-approve\n"}, 1),  # nothing that answers is defined
        ({"infra/main.tf": SERVICE, "setup.sh": "terraform apply -auto-approve\n"}, 1),
    ],
)
def test_a_script_that_provisions_a_service_releases_it(files: dict[str, str], level: int) -> None:
    assert levels(files)("release.process") == level
