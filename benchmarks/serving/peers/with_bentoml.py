"""BentoML, one worker, batches of up to 64 requests. `with_bentoml.py PORT MODEL`"""

import os
import sys
from pathlib import Path

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Scores:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api(batchable=True, max_batch_size=6400, max_latency_ms=10_000, route="/v1/score")
    def score(self, rows: list[dict[str, float]]) -> list[float]:
        return self.model.predict(pd.DataFrame(rows)).tolist()


if __name__ == "__main__":
    os.environ |= {"BENCH_MODEL": sys.argv[2], "BENTOML_DO_NOT_TRACK": "True"}
    here = Path(__file__)
    serve = ["-m", "bentoml", "serve", f"{here.stem}:Scores", "--host", "127.0.0.1", "--port", sys.argv[1]]
    os.execv(sys.executable, [sys.executable, *serve, "--working-dir", str(here.parent)])
