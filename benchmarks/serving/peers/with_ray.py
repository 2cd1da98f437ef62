"""Ray Serve, one replica, batches of up to 64 requests. `with_ray.py PORT MODEL`"""

import signal
import sys
from typing import Any

import joblib
import pandas as pd
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Scores:
    def __init__(self, path: str) -> None:
        self.model = joblib.load(path)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def score(self, bodies: list[dict[str, Any]]) -> list[list[float]]:
        values = iter(self.model.predict(pd.DataFrame([row for body in bodies for row in body["rows"]])).tolist())
        return [[next(values) for _ in body["rows"]] for body in bodies]

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        return {"predictions": await self.score(await request.json())}


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False})
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
serve.run(Scores.bind(sys.argv[2]), route_prefix="/v1/score", blocking=True)
