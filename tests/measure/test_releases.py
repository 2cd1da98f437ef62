"""How releases are recognised by what they do, each beside its hollow twin: one row for each mechanism."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import API, TRAIN, levels

Files = dict[str, str]
CD = ".github/workflows/cd.yml"


def workflow(run: str, on: str = "{push: {branches: [main]}}", also: str = "") -> Files:
    """One job that runs a script on a checkout; `also` are further lines of its last step."""
    script = "".join(f"          {line}\n" for line in run.split("\n"))
    return {
        CD: f"on: {on}\njobs:\n  cd:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: |\n{script}{also}"
    }


def deploys(python: str, run: str = "python ship.py") -> Files:
    return {"ship.py": python, **workflow(run)}


def elsewhere(run: str) -> Files:
    """A job that runs a command on another machine."""
    return {
        CD: f"{workflow('true')[CD]}      - uses: appleboy/ssh-action@v1\n        with: {{host: h, script: '{run}'}}\n"
    }


SHELL = "import subprocess\ndef sh(command):\n    subprocess.check_call(command, shell=True)\nsh('{} set image deployment/x x=me/x:1')\n"
GITLAB = (
    "{head}deploy:\n  script: [gcloud run deploy x --source .]\n  rules:\n    - if: $CI_COMMIT_BRANCH == 'main'\n{rest}"
)
AZURE = "trigger:\n  branches: {{include: [main]}}\n  paths: {paths}\npool: {{vmImage: u}}\nsteps:\n  - task: AzureWebApp@1\n"
STAGE = 'stage {{\n  name = "Deploy"\n  action {{\n    category = "Deploy"\n    provider = "{}"\n  }}\n}}\n'
BATCH = {
    "aml/ship.yml": "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ncode: ..\ncommand: python ship.py\n",
    "ship.py": "import boto3\nboto3.client('sagemaker').update_endpoint(EndpointName='x')\n",
}
LOOKED_UP = "D := $(shell \\\n  command -v {0} || echo /opt/{0} \\\n)\nC := $(D) compose\nup:\n\t$(C) up -d --build\n"
CDK = "from aws_cdk import Stack, pipelines\nfrom aws_cdk import aws_sagemaker as sagemaker\n\n\nclass Line(Stack):\n    def __init__(self, scope, id):\n        line = pipelines.CodePipeline(self, 'P', synth=pipelines.ShellStep('Synth', commands=['cdk synth']))\n        {}line.add_stage(ModelStage(self, 'ModelStage'){})\n\n\nclass Ask(Stack):\n    def __init__(self, scope, id):\n        sagemaker.CfnEndpoint(self, 'E', endpoint_config_name='c')\n"
READS = "import json\nimport boto3\n\nSETTINGS = 'ship/settings.json'\n\n\ndef main():\n    with open(SETTINGS) as file:\n        said = json.load(file)\n    boto3.client('sagemaker').update_endpoint(**said)\n\n\nif __name__ == '__main__':\n    main()\n"


@pytest.mark.parametrize(
    ("does", "hollow"),
    [
        (workflow('curl -X POST "$HOOK"', also="        env: {HOOK: '${{ secrets.RENDER_DEPLOY_HOOK }}'}\n"), workflow('curl -X POST "$HOOK"', also="        env: {HOOK: '${{ secrets.SLACK_DEPLOY_HOOK }}'}\n")),
        ({"Makefile": LOOKED_UP.format("docker"), **elsewhere("cd x && git pull && make up")}, {"Makefile": LOOKED_UP.format("cat"), **elsewhere("cd x && git pull && make up")}),
        ({"Makefile": "up:\n\tdocker compose up -d --build\n", **elsewhere("cd x && git pull && make up")}, {**workflow("cd x && make up"), "Makefile": "up:\n\tdocker compose up -d --build\n"}),
        (workflow("ansible-playbook site.yml") | {"site.yml": "- tasks:\n    - docker_container:\n        name: x\n"}, workflow("ansible-playbook site.yml") | {"site.yml": "- tasks:\n    - debug:\n        msg: x\n"}),
        (workflow("kustomize edit set image x=me/x:2\ngit commit -am x\ngit push"), workflow("kustomize edit set image x=me/x:2\ngit commit -am x")),
        (deploys("import paramiko\nhost = paramiko.SSHClient()\nhost.exec_command('cd x && docker compose up -d')\n"), deploys("import paramiko\nhost = paramiko.SSHClient()\nhost.exec_command('docker ps')\n")),
        (deploys(SHELL.format("kubectl")), deploys(SHELL.format("echo kubectl"))),
        (deploys("import os, requests\nrequests.put(f\"{os.environ['HOST']}/api/2.0/serving-endpoints/x/config\", json={})\n"), deploys("import os, requests\nrequests.put(f\"{os.environ['HOST']}/api/2.0/clusters/x/config\", json={})\n")),
        (deploys("from azure.ai.ml import MLClient\nfrom azure.ai.ml.entities import ManagedOnlineDeployment\nblue = ManagedOnlineDeployment(name='blue')\nMLClient.from_config().begin_create_or_update(blue)\n"), deploys("from azure.ai.ml import MLClient\nfrom azure.ai.ml.entities import Data\nrows = Data(name='rows')\nMLClient.from_config().begin_create_or_update(rows)\n")),
        (deploys(READS) | {"ship/settings.json": "{}"}, deploys(READS)),
        ({".gitlab-ci.yml": GITLAB.format(head="", rest="      changes: ['*.py']\n")}, {".gitlab-ci.yml": GITLAB.format(head="", rest="      changes: ['service/**/*']\n")}),
        ({".gitlab-ci.yml": GITLAB.format(head="workflow:\n  rules:\n    - if: $CI_COMMIT_BRANCH\n", rest="")}, {".gitlab-ci.yml": GITLAB.format(head="workflow:\n  rules:\n    - when: never\n", rest="")}),
        ({"azure-pipelines.yml": AZURE.format(paths="{exclude: [docs]}")}, {"azure-pipelines.yml": AZURE.format(paths="{include: [service]}")}),
        ({"p.py": CDK.format("", "")}, {"p.py": CDK.format("", ", pre=[pipelines.ManualApprovalStep('Ask')]")}),
        ({"p.py": CDK.format("", "")}, {"p.py": CDK.format("# ", "")}),
        (BATCH | workflow("az ml job create \\\n  --file aml/ship.yml"), BATCH | workflow("az ml job validate \\\n  --file aml/ship.yml")),
        ({"Jenkinsfile": "pipeline { stages { stage('d') { steps { sh(label: 'd', script: 'gcloud run deploy x') } } } }"}, {"Jenkinsfile": "pipeline { stages { stage('d') { steps { echo 'gcloud run deploy x' } } } }"}),
        ({"p.tf": f'resource "aws_codepipeline" "p" {{\n{STAGE.format("ECS")}}}\n'}, {"p.tf": f'resource "aws_codepipeline" "p" {{\n{STAGE.format("SageMaker")}}}\n'}),
    ],
)  # fmt: skip
def test_what_deploys_without_a_further_hand(does: Files, hollow: Files) -> None:
    assert levels(does)("release.process") == 4
    assert levels(hollow)("release.process") < 4


NIGHTLY = workflow("python train.py", "{schedule: [{cron: '0 3 * * *'}]}") | {
    "train.py": TRAIN.replace("SVC().fit(x, y)", "SVC().fit(x, y)\n    mlflow.sklearn.log_model(m, 'm', registered_model_name='x')")
}  # fmt: skip
GIVES = "\n    client.{}('x', {})"
STAGED, ALIASED = (
    GIVES.format("transition_model_version_stage", "3, 'Production'"),
    GIVES.format("set_registered_model_alias", "'champion', 3"),
)


def nightly(given: str) -> Files:
    """A training every night that gives its version of the model a stage, an alias, or none."""
    return NIGHTLY | {
        "train.py": str(NIGHTLY["train.py"]).replace("registered_model_name='x')", f"registered_model_name='x'){given}")
    }


ASKS = API.replace("import joblib\n", "import mlflow\n{}\n").replace("joblib.load('m')", "mlflow.pyfunc.load_model({})")


@pytest.mark.parametrize(
    ("before", "asked", "given", "level"),
    [
        ("import os\nSTAGE = os.getenv('STAGE', 'Production')", "f'models:/x/{STAGE}'", STAGED, 4),
        ("import os\nSTAGE = os.getenv('STAGE', 'Production')", "f'models:/x/{STAGE}'", "", 1),
        ("import os\nSTAGE = os.getenv('STAGE', 'latest')", "f'models:/x/{STAGE}'", "", 4),
        ("import os\nSTAGE = os.getenv('STAGE', '7')", "f'models:/x/{STAGE}'", "", 1),
        ("from settings import settings", "f'models:/x@{settings.alias}'", ALIASED, 4),
        ("from settings import settings", "f'models:/x@{settings.alias}'", "", 1),
        ("from settings import settings", "f'models:/x/{settings.version}'", "", 1),
        ("", "'models:/{}/{}'.format('x', 'Production')", STAGED, 4),
    ],
)
def test_a_service_takes_the_newest_model_under_a_name_that_moves(
    before: str, asked: str, given: str, level: int
) -> None:
    settings = "class Settings:\n    alias: str = 'champion'\n    version: str = '7'\n\n\nsettings = Settings()\n"
    files = nightly(given) | {"api.py": ASKS.format(before, asked), "settings.py": settings}
    assert levels(files)("release.process") == level


@pytest.mark.parametrize(("installed", "level"), [("fastapi uvicorn mlflow", 4), ("fastapi uvicorn", 1)])
def test_a_service_that_cannot_start_takes_no_model(installed: str, level: int) -> None:
    image = f'FROM python:3.12-slim\nRUN pip install {installed}\nCOPY api.py ./\nCMD ["uvicorn", "api:app"]\n'
    files = NIGHTLY | {"api.py": ASKS.format("", "'models:/x/latest'"), "Dockerfile": image}
    assert levels(files)("release.process") == level


def test_a_model_that_waits_for_approval_is_released_by_a_person() -> None:
    register = "import sagemaker\nmodel.register(approval_status='{}')\n"
    ship = deploys("import boto3\nboto3.client('sagemaker').update_endpoint(EndpointName='x')\n")
    assert levels(ship | {"register.py": register.format("PendingManualApproval")})("release.process") == 2
    assert levels(ship | {"register.py": register.format("Approved")})("release.process") == 4


FLY = workflow("flyctl deploy --remote-only")
CHART = {
    "chart/templates/d.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: {{ .Values.api.count }}\n",
    **workflow("helm upgrade x chart"),
}
TERRAFORM = {
    "main.tf": 'resource "aws_ecs_service" "x" {\n  desired_count = var.count\n}\n',
    **workflow("terraform apply -auto-approve"),
}
BICEP = "resource x 'Microsoft.App/containerApps@2023-05-01' = {{\n  properties: {{ template: {{ scale: {{ minReplicas: {} }} }} }}\n}}\n"
COMPOSE = "services:\n  api:\n    build: .\n    deploy: {{replicas: {}}}\n  front:\n    image: {}\n"
SWAP = "docker run -d --name {0} me/x\ncurl -f localhost:8001/health\n{1}\n"


@pytest.mark.parametrize(
    ("does", "hollow"),
    [
        (FLY | {"fly.toml": "app = 'x'\n[[http_service.checks]]\n  path = '/health'\n"}, FLY | {"fly.toml": "app = 'x'\n# [[http_service.checks]]\n"}),
        (CHART | {"chart/values.yaml": "api: {count: 3}\n"}, CHART | {"chart/values.yaml": "api: {count: 1}\n"}),
        (TERRAFORM | {"v.tf": 'variable "count" {\n  default = 2\n}\n'}, TERRAFORM | {"v.tf": 'variable "count" {\n  default = 1\n}\n'}),
        ({"x.bicep": BICEP.format(2), **workflow("az deployment group create -f x.bicep")}, {"x.bicep": BICEP.format(0), **workflow("az deployment group create -f x.bicep")}),
        (deploys("from sagemaker.model import Model\nModel().deploy(initial_instance_count=2)\n"), deploys("from sagemaker.model import Model\nModel().deploy(initial_instance_count=1)\n")),
        (workflow("gcloud run deploy x --source . --min-instances 2"), workflow("gcloud run deploy x --source . --min-instances 0")),
        (FLY | {"compose.yaml": COMPOSE.format(3, "nginx:1.27")}, FLY | {"compose.yaml": COMPOSE.format(1, "nginx:1.27")}),
        (FLY | {"compose.yaml": COMPOSE.format(3, "traefik")}, FLY | {"compose.yaml": COMPOSE.format(3, "redis")}),  # nothing shares it out
        (elsewhere("bash swap.sh") | {"swap.sh": SWAP.format("green", "nginx -s reload")}, elsewhere("bash swap.sh") | {"swap.sh": SWAP.format("x", "")}),
    ],
)  # fmt: skip
def test_what_keeps_a_service_up(does: Files, hollow: Files) -> None:
    assert levels(does)("operations.availability") == 4
    assert levels(hollow)("operations.availability") == 3


ROUTER = "import zlib\nimport joblib\n\nMODELS = {{'control': joblib.load('a'), 'treatment': joblib.load('b')}}\n\n\ndef variant(user):\n    return {}\n"
TWO = "import boto3\nboto3.client('sagemaker').create_endpoint_config(ProductionVariants=[{{'InitialVariantWeight': {}}}, {{'InitialVariantWeight': {}}}])\n"
TURNS = "import random\nimport joblib\nfrom fastapi import FastAPI\n\napp = FastAPI()\na, b = joblib.load('a'), joblib.load('b')\n\n\n@app.post('/predict')\ndef predict(x):\n    return a.predict(x) if {} else b.predict(x)\n"
VERTEX = "from google.cloud import aiplatform\naiplatform.Endpoint('x').deploy(model='m', traffic_split={})\n"


@pytest.mark.parametrize(
    ("does", "hollow"),
    [
        ({"router.py": ROUTER.format("'treatment' if zlib.crc32(user) % 100 < 50 else 'control'")}, {"router.py": ROUTER.format("'control'")}),
        ({"api.py": TURNS.format("random.random() < 0.8")}, {"api.py": TURNS.format("x > 0.8")}),
        (deploys(TWO.format("0.9", "0.05")), deploys(TWO.format("1.0", "0.0"))),
        (deploys(VERTEX.format("{'0': 10, '1': 90}")), deploys(VERTEX.format("{'0': 100}"))),
        (workflow("gcloud run services update-traffic x --to-tags canary=10"), workflow("gcloud run services update-traffic x --to-tags canary=100")),
    ],
)  # fmt: skip
def test_what_compares_models_on_live_traffic(does: Files, hollow: Files) -> None:
    asks = {"api.py": API.replace("import joblib\n", "import joblib\nfrom router import variant\n")}
    assert levels(asks | does)("release.experimentation") == 4
    assert levels(asks | hollow)("release.experimentation") == 2


@pytest.mark.parametrize(("places", "level"), [("[staging, production]", 4), ("[production]", 2)])
def test_a_job_may_go_to_one_environment_after_another(places: str, level: int) -> None:
    files = workflow("gcloud run deploy x-${{ matrix.environment }} --source .")
    text = files[CD].replace("    steps:", f"    strategy: {{matrix: {{environment: {places}}}}}\n    steps:")
    assert levels({CD: text})("release.environments") == level


@pytest.mark.parametrize(("option", "level"), [("--target-environment", 4), ("--environment-file", 2)])
def test_a_script_that_names_where_to_promotes_between_environments(option: str, level: int) -> None:
    promote = f"import argparse\nimport mlflow\n\nparser = argparse.ArgumentParser()\nparser.add_argument('{option}')\nmlflow.MlflowClient().transition_model_version_stage('x', 1, 'Production')\n"
    assert levels({"promote.py": promote})("release.environments") == level
