"""Functions of a script that a Jenkins pipeline loads, with what it hands them."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

PIPELINE = "def lib = null\npipeline {{\n  agent any\n  stages {{\n    stage('Load') {{ steps {{ script {{ lib = load 'ci/lib.groovy' }} }} }}\n    stage('Run') {{ steps {{ script {{ {} }} }} }}\n  }}\n}}\n"
LIBRARY = "def told(name) {\n  echo name\n}\n\ndef run(String script, String extra = '') {\n  sh \"${extra} python ${script} --all\"\n}\n\ndef nightly() {\n  sh 'python train.py'\n}\n\nreturn this\n"


@pytest.mark.parametrize(
    ("called", "level"),
    [
        ("lib.nightly()", 3),
        ("lib.told('python train.py')", 1),
        ("lib.run('train.py')", 3),
        ("lib.run('train.py', \"LEVEL='${params.LEVEL}'\")", 3),
        ("lib.run('other.py')", 1),
        ("lib.run(chosen(params.X), 'LEVEL=1')", 1),
        ("other.nightly()", 1),
        ("shared.nightly()", 3),
        ("shared.told('python train.py')", 1),
    ],
)
def test_a_pipeline_runs_the_functions_that_it_loads(called: str, level: int) -> None:
    files = {"Jenkinsfile": PIPELINE.format(called), "ci/lib.groovy": LIBRARY, "vars/shared.groovy": LIBRARY}
    assert levels(files)("creation.training") == level
