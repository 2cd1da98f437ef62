"""The operator's process stays small: pandas, scikit-learn and MLflow are for the jobs."""

import subprocess
import sys

HEAVY = {"pandas", "sklearn", "pandera", "mlflow", "skops", "model_signing", "scipy"}


def test_the_rooms_of_the_operator_import_no_machine_learning() -> None:
    code = "import sys, gradino.operate.data, gradino.operate.training, gradino.operate.registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
