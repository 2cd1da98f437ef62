"""What scripts and workflows say by variables, folders and inputs, each beside its hollow twin."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from gradino.measure import shell
from tests.measure.test_collectors import levels
from tests.measure.test_releases import CD, Files, deploys, workflow


@pytest.mark.parametrize(
    ("script", "meant"),
    [
        ('A="b c"\nB="$A/d"\nrun ${B}', 'A="b c"\nB="b c/d"\nrun b c/d'),
        ('A="${{ inputs.x }}"\nrun $A,b', 'A="${{ inputs.x }}"\nrun ${{inputs.x}},b'),
        ('A="${{ inputs.x || 50 }}"\nrun $A,b', None),
        ("CODE=0\npytest || CODE=1\nexit $CODE", None),
        ("A=1\nif x; then A=2; fi\nrun $A", None),
        ("case $1 in\n  -e) A=2 ;;\nesac\nA=1\nrun $A", None),
        ("A=$(git rev-parse HEAD)\nrun $A", None),
        ("A=${A:-1}\nrun $A", None),
        ("for A in x y; do run $A; done\nA=1", None),
    ],
)
def test_a_variable_is_known_where_a_script_sets_it_once(script: str, meant: str | None) -> None:
    assert shell.filled(script) == (meant or script)


TESTS: Files = {"service/tests/test_x.py": "def test_x():\n    assert f() == 1\n"}


@pytest.mark.parametrize(
    ("run", "level"),
    [
        ('cd "${{ github.workspace }}/service"\npytest ./tests', 2),
        ('cd "$GITHUB_WORKSPACE/service"\npytest ./tests', 2),
        ('WHERE=service\ncd "$WHERE"\npytest ./tests', 2),
        ('WHERE=client\ncd "$WHERE"\npytest ./tests', 0),
        ('cd "client"\npytest ./tests', 0),
        ("PROGRAM=pytest\n$PROGRAM service/tests", 2),
        ("PROGRAM=ruff\n$PROGRAM service/tests", 0),
    ],
)
def test_a_command_runs_where_and_what_its_variables_say(run: str, level: int) -> None:
    files = TESTS | {"client/tests/x.txt": ""} | workflow(run)
    assert levels(files)("integration.application-tests") == level


INSTALLS = 'HERE="$(cd "$(dirname "$0")" && pwd)"\nJOB="$HERE/{}.sh"\nLINE="0 3 * * * $JOB"\n(crontab -l; echo "$LINE") | crontab -\n'


@pytest.mark.parametrize(("job", "level"), [("retrain", 3), ("backup", 1)])
def test_a_script_installs_the_line_of_cron_that_it_puts_together(job: str, level: int) -> None:
    scripts = {"ops/retrain.sh": "~/.local/bin/uv run python train.py\n", "ops/backup.sh": "tar c x\n"}
    assert levels(scripts | {"ops/install.sh": INSTALLS.format(job)})("creation.training") == level


CALLED = "on:\n  workflow_call:\n    inputs:\n      send: {{type: boolean, default: false}}\njobs:\n  d:\n    if: {}\n    runs-on: u\n    steps:\n      - run: gcloud run deploy x --source .\n"
CALLS = "on: {}\njobs:\n  c:\n    uses: ./.github/workflows/called.yml\n    with: {{{}}}\n"


@pytest.mark.parametrize(
    ("on", "asked", "passed", "level"),
    [
        ("push", "inputs.send", "send: true", 4),
        ("push", "inputs.send", "", 1),
        ("push", "inputs.send", "send: '${{ github.ref_name == github.event.repository.default_branch }}'", 4),
        ("push", "inputs.send", "send: \"${{ github.event_name == 'workflow_dispatch' }}\"", 1),
        ("push", "${{ inputs.place == 'prod' }}", "place: prod", 4),
        ("push", "${{ inputs.place == 'prod' }}", "place: dev", 1),
        ("push", "'!inputs.send'", "send: true", 1),
        ("workflow_dispatch", "inputs.send", "send: true", 2),
    ],
)
def test_an_input_is_what_the_caller_passes(on: str, asked: str, passed: str, level: int) -> None:
    files = {CD: CALLS.format(on, passed), ".github/workflows/called.yml": CALLED.format(asked)}
    assert levels(files)("release.process") == level


def action(uses: str, given: str) -> Files:
    return {CD: f"on: push\njobs:\n  d:\n    steps:\n      - uses: {uses}\n        with: {{{given}}}\n"}


AZURE = "from azureml.core import Experiment\nexperiment = Experiment(w, 'x')\nexperiment.submit(config)\n"
FITS = "class Scaled:\n    def fit(self, x, y):\n        {}\n        return self\n\n\nif __name__ == '__main__':\n    model = Scaled()\n    model.fit(x, y)\n"
WEB = "from azureml.core.webservice import AksWebservice\nAksWebservice.deploy_configuration({})\n"
SPACE = "from huggingface_hub import upload_folder\nupload_folder(folder_path='.', repo_id='me/x', repo_type='{}')\n"
STACK = "from pulumi import automation\n\nstack = automation.{}\nstack.{}()\n"
SERVICE = {"iac.py": "import pulumi_gcp as gcp\ngcp.cloudrunv2.Service('api', location='x')\n"}


@pytest.mark.parametrize(
    ("track", "does", "hollow"),
    [
        ("release.process", action("huggingface/hub-sync@v0.1.0", "repo_type: space"), action("huggingface/hub-sync@v0.1.0", "repo_type: dataset")),
        ("release.process", deploys(SPACE.format("space")), deploys(SPACE.format("dataset"))),
        ("release.process", SERVICE | deploys(STACK.format("select_stack('a')", "up")), SERVICE | deploys(STACK.format("select_stack('a')", "preview"))),
        ("operations.availability", deploys(WEB.format("autoscale_enabled=True") + "model.deploy()\n"), deploys(WEB.format("autoscale_enabled=False") + "model.deploy()\n")),
    ],
)  # fmt: skip
def test_what_deploys(track: str, does: Files, hollow: Files) -> None:
    assert levels(does)(track) == 4
    assert levels(hollow)(track) < 4


HOSTED = 'on: push\njobs:\n  d:\n    runs-on: self-hosted\n    steps:\n      - run: |\n          NAME="${{{{ matrix.name }}}}-${{GITHUB_REF_NAME}}"\n          docker stop $NAME || true\n          docker run -d --name $NAME me/x\n  after:\n    runs-on: self-hosted\n    needs: d\n    if: {}\n    steps:\n      - run: {}\n'


@pytest.mark.parametrize(
    ("when", "run", "level"),
    [
        ("always()", "curl -f localhost", 4),
        ("always()", "docker stop ${{ matrix.name }}-${GITHUB_REF_NAME}", 1),
        ("always()", "docker stop ${{ matrix.name }}-${GITHUB_REF_NAME}-old", 4),
        ("failure()", "docker stop ${{ matrix.name }}-${GITHUB_REF_NAME}", 4),
    ],
)
def test_a_container_that_is_stopped_again_was_a_test(when: str, run: str, level: int) -> None:
    files = {CD: HOSTED.format(when, run)}
    assert levels(files)("release.process") == level
    assert levels(files)("integration.builds") == (4 if level == 4 else 0)


RELEASES = "on: push\njobs:\n  d:\n    steps:\n      - run: python -m build\n      - uses: softprops/action-gh-release@v2\n        with: {{files: dist/*, draft: {}}}\n"


@pytest.mark.parametrize(
    ("track", "files", "level"),
    [
        ("integration.builds", {CD: RELEASES.format("false")}, 4),
        ("integration.builds", {CD: RELEASES.format("true")}, 0),
        ("creation.training", {"jobs/fit.py": AZURE} | workflow("python jobs/fit.py"), 3),
        ("creation.training", {"tests/fit.py": AZURE} | workflow("python tests/fit.py"), 1),
        ("creation.training", {"fit.py": FITS.format("self.inner.fit(x, y)")} | workflow("python fit.py"), 3),
        ("creation.training", {"fit.py": FITS.format("self.seen = x")} | workflow("python fit.py"), 1),
        ("operations.feedback", {"ship.py": WEB.format("enable_app_insights=True")}, 3),
        ("operations.feedback", {"ship.py": WEB.format("enable_app_insights=False")}, 0),
    ],
)
def test_what_only_looks_like_it(track: str, files: Files, level: int) -> None:
    assert levels(files)(track) == level
