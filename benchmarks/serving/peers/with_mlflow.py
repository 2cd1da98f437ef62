"""MLflow's scoring server, one worker. `with_mlflow.py PORT MODEL`"""

import os
import sys
import tempfile

import joblib
import mlflow.sklearn

folder = f"{tempfile.mkdtemp(dir=os.path.dirname(sys.argv[2]))}/model"
mlflow.sklearn.save_model(joblib.load(sys.argv[2]), folder, serialization_format="cloudpickle", pip_requirements=[])
serve = ["-m", "mlflow", "models", "serve", "-m", folder, "--env-manager", "local", "--workers", "1"]
os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # it starts `uvicorn` by name
os.execv(sys.executable, [sys.executable, *serve, "--host", "127.0.0.1", "--port", sys.argv[1]])
