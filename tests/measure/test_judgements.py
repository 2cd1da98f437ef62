"""Runs that look at how good a deployed model is on rows that have come since, each with a twin that does not."""
# ruff: noqa: E501 - files read better unwrapped

import pytest

from tests.measure.test_collectors import levels

DAG = "from airflow import DAG\nfrom airflow.operators.python import PythonOperator\n{}\n\nwith DAG('{}', schedule='{}') as dag:\n    {}\n"
LOOK = (
    "import joblib\nimport pandas as pd\nfrom sklearn.metrics import accuracy_score\n\n\ndef look():\n    rows = {}\n"
    "    model = joblib.load('m.pkl')\n    return accuracy_score(rows.y, model.predict(rows))\n"
)
STARTS = "TriggerDagRunOperator(task_id='retrain', trigger_dag_id='{}')"
NEW = "pd.read_sql('select * from orders where day > now() - 7', engine)"
FIT = DAG.format("from train import train", "fit", "None", "PythonOperator(task_id='fit', python_callable=train)")


def weekly(rows: str, then: str, fits: str = "") -> dict[str, str]:
    """A look at the model every week, and a training that waits to be started."""
    does = f"PythonOperator(task_id='look', python_callable=look) >> {then}"
    return {
        "ml/weigh.py": LOOK.format(rows) + fits,
        "dags/look.py": DAG.format("from ml.weigh import look", "look", "@weekly", does),
        "dags/fit.py": FIT,
    }


@pytest.mark.parametrize(
    ("files", "training", "feedback"),
    [
        (weekly(NEW, STARTS.format("fit")), 4, 4),
        (weekly(NEW, "None"), 1, 4),
        (weekly("pd.read_csv('test.csv')", STARTS.format("fit")), 3, 0),
        (weekly(NEW, STARTS.format("other")), 1, 4),
    ],
)
def test_a_loaded_model_is_measured_on_new_rows(files: dict[str, str], training: int, feedback: int) -> None:
    level = levels(files)
    assert (level("creation.training"), level("operations.feedback")) == (training, feedback)


STEPS = (
    "from sagemaker.{0} import ConditionStep\n\ndef build(train, register):\n"
    "    return ConditionStep(name='good', conditions=[], if_steps=[register], else_steps=[])\n\n\n"
    "if __name__ == '__main__':\n    build(1, 2)\n    client.create_model_package()\n"
)


@pytest.mark.parametrize(
    ("module", "level"),
    [("workflow.condition_step", 4), ("mlops.workflow.condition_step", 4), ("mlops.local.condition_step", 0)],
)
def test_steps_of_a_platform_that_refuse_a_model_in_either_version_of_its_library(module: str, level: int) -> None:
    assert levels({"pipeline.py": STEPS.format(module)})("integration.model-tests") == level
