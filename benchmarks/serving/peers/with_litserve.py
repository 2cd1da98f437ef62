"""LitServe, one worker, batches of up to 64 requests. `with_litserve.py PORT MODEL`"""

import sys
from typing import Any

import joblib
import litserve
import pandas as pd


class Scores(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = joblib.load(sys.argv[2])

    def decode_request(self, request: dict[str, Any]) -> list[dict[str, float]]:
        return request["rows"]

    def batch(self, inputs: list[list[dict[str, float]]]) -> list[list[dict[str, float]]]:
        return inputs

    def predict(self, requests: list[list[dict[str, float]]]) -> list[list[float]]:
        values = iter(self.model.predict(pd.DataFrame([row for rows in requests for row in rows])).tolist())
        return [[next(values) for _ in rows] for rows in requests]

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        return output

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        return {"predictions": output}


if __name__ == "__main__":
    api = Scores(api_path="/v1/score", max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error")
