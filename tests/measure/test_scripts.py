"""How scripts end, what their loops run and what functions only say they do, each beside its hollow twin."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from gradino.measure import loops, shell
from tests.measure.test_collectors import levels
from tests.measure.test_releases import Files, workflow

TESTS: Files = {
    "service/tests/test_x.py": "def test_x():\n    assert f() == 1\n",
    "client/readme.txt": "",
}
CALLS = workflow("./ci/test.sh")


@pytest.mark.parametrize(
    ("script", "level"),
    [
        ('set +e\nBAD=false\npytest || BAD=true\nif [ "$BAD" = true ]; then\n  echo no\n  exit 1\nfi\nexit 0\n', 2),
        ('set +e\nBAD=false\npytest || BAD=true\nif [ "$BAD" = true ]; then\n  echo no\nfi\nexit 0\n', 0),
        ("set +e\npytest\nruff check . || BAD=1\nif [ $BAD ]; then\n  exit 1\nfi\n", 0),
        ("BAD=0\npytest || BAD=1\necho $BAD\n[ $BAD -eq 0 ] || exit 1\n", 2),
        ("BAD=0\npytest || BAD=1\necho done\nexit $BAD\n", 2),
        ("BAD=0\npytest || BAD=1\nif [ $BAD = 1 ]; then\n  echo no\nfi\ntest -f x || exit 1\n", 0),
        ("echo first\n./ci/inner.sh\n", 2),
        ("./ci/inner.sh\necho last\n", 0),
    ],
)
def test_a_script_ends_as_it_remembers_its_commands_ended(script: str, level: int) -> None:
    files = TESTS | CALLS | {"ci/test.sh": script, "ci/inner.sh": "pytest\n"}
    assert levels(files)("integration.application-tests") == level


PER_PART = "PARTS = client service\ntest:\n\tfor part in $(PARTS); do \\\n\t\t{} \\\n\tdone\n"
EACH = "test:\n\tpytest tests\n"


@pytest.mark.parametrize(
    ("rule", "level"),
    [
        (PER_PART.format("$(MAKE) -C $$part test;"), 2),
        (
            PER_PART.replace("client service", "service client").format("$(MAKE) -C $$part test;"),
            0,
        ),  # the first's end is lost
        (PER_PART.replace("client service", "service client").format("$(MAKE) -C $$part test || exit 1;"), 2),
        (PER_PART.replace(" service", "").format("$(MAKE) -C $$part test;"), 0),
        (PER_PART.format("$(MAKE) -C $$part test || true;"), 0),
        ("test:\n\tset -e; for p in service client; do \\\n\t\tcd $$p; pytest tests; cd ..; \\\n\tdone\n", 2),
    ],
)
def test_a_loop_over_a_written_list_runs_for_each_of_its_words(rule: str, level: int) -> None:
    parts = {"service/Makefile": EACH, "client/Makefile": "test:\n\techo none\n"}
    assert levels(TESTS | parts | {"Makefile": rule} | workflow("make test"))("integration.application-tests") == level


def test_the_lines_of_a_loop_stand_where_the_loop_stands() -> None:
    script = 'for d in a "b"; do\n  cd $d\n  run ${d}/x\ndone || exit 1\nlast'
    found = [(c.line, c.text) for c in shell.commands(loops.unrolled(script), 1)]
    assert found == [(1, "cd a"), (1, "run a/x"), (1, "cd b"), (1, "run b/x"), (4, "exit 1"), (5, "last")]
    for other in ("for d in *; do\n  run $d\ndone", "for d in $(ls); do run $d; done"):
        assert loops.unrolled(other) == other


FLOW = "import mlflow\nfrom airflow.decorators import dag, task\nfrom sklearn.svm import SVC\n\n\n@dag(schedule='@daily')\ndef flow():\n    @task\n    def register_model(m):\n        {}\n\n    register_model(SVC().fit([[0], [1]], [0, 1]))\n\n\nflow()\n"


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ("print('registering', len(str(m)))", 1),
        ("logger.info(f'{m} is registered')", 1),
        ("print('registering')\n        mlflow.register_model(m, 'm')", 4),
        ("print('registering')\n        client.put(m)", 4),
    ],
)
def test_a_function_that_only_talks_does_nothing(body: str, level: int) -> None:
    assert levels({"dags/flow.py": FLOW.format(body)})("creation.versioning") == level


TRAIN: Files = {"train.py": "from sklearn.svm import SVC\n\nSVC().fit([[0], [1]], [0, 1])\n"}
JOB = "on: push\njobs:\n  {}:\n    runs-on: u\n    steps:\n      - run: ./ci/try.sh\n"


@pytest.mark.parametrize(
    ("job", "level"), [("unit-tests", 1), ("integration_test", 1), ("community-testament", 3), ("nightly", 3)]
)
def test_a_job_of_tests_only_rehearses_training(job: str, level: int) -> None:
    files = TRAIN | {".github/workflows/x.yml": JOB.format(job), "ci/try.sh": "python train.py\n"}
    assert levels(files)("creation.training") == level


FETCH = "import requests\n\n\ndef {}(url):\n    return requests.get(url, params={{'page': 1}}).json()\n\n\n{}('https://example.org/rows')\n"


@pytest.mark.parametrize(("name", "level"), [("get_session_cookie", 0), ("get_rows", 4)])
def test_a_session_is_no_data(name: str, level: int) -> None:
    daily = workflow("python fetch.py && python train.py", on="{schedule: [{cron: '0 3 * * *'}]}")
    assert levels(TRAIN | {"fetch.py": FETCH.format(name, name)} | daily)("creation.data-collection") == level


IMAGE = "on: push\njobs:\n  b:\n    runs-on: u\n    steps:\n      - uses: docker/build-push-action@v6\n        with: {{push: true, tags: a/b:1, file: {}}}\n"


@pytest.mark.parametrize(("file", "level"), [(".devcontainer/gpu/Dockerfile", 0), ("gpu/Dockerfile", 4)])
def test_the_image_that_developers_work_in_is_no_application(file: str, level: int) -> None:
    files = {".github/workflows/x.yml": IMAGE.format(file), file: 'FROM python:3.12\nCMD ["python"]\n'}
    assert levels(files)("integration.builds") == level
