"""Operators of Airflow that a file does not make itself: by a helper, under a name of the project, at a time told elsewhere."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

HELPERS = "import os\nfrom airflow import DAG\nfrom airflow.operators.bash import BashOperator\nfrom airflow.operators.empty import EmptyOperator\n\n\ndef shell(name, command):\n    return BashOperator(task_id=name, bash_command=f'set -e; {command}')\n\n\ndef note(name, command):\n    return EmptyOperator(task_id=name, doc_md=command)\n\n\ndef every(name, default):\n    return os.getenv(name) or default\n"
DAG = "from {} import DAG\nfrom helpers import every, note, shell\n\nTRAIN = 'python train.py --all'\n\nwith DAG('d', schedule={}) as d:\n    {}\n"


@pytest.mark.parametrize(
    ("dag", "level"),
    [
        (("airflow", "'@daily'", "shell('t', 'python train.py --all')"), 3),
        (("airflow", "'@daily'", "shell('t', TRAIN)"), 3),
        (("airflow", "'@daily'", "note('t', TRAIN)"), 1),
        (("airflow", "'@daily'", "shell('t', 'see train.py for all')"), 1),
        (("airflow", "every('X', '0 3 * * *')", "shell('t', TRAIN)"), 3),
        (("airflow", "every('X', '')", "shell('t', TRAIN)"), 1),
        (("helpers", "'@daily'", "shell('t', TRAIN)"), 3),
        (("theirs", "'@daily'", "shell('t', TRAIN)"), 1),
    ],
)  # fmt: skip
def test_what_a_helper_hands_back_is_an_operator(dag: tuple[str, str, str], level: int) -> None:
    files = {"dag.py": DAG.format(*dag), "helpers.py": HELPERS, "theirs.py": "class DAG: ...\n"}
    assert levels(files)("creation.training") == level
