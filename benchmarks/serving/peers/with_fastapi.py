"""What a tutorial shows: a pydantic body, a frame of it, predict. `with_fastapi.py PORT MODEL`"""

import sys

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, create_model

model = joblib.load(sys.argv[2])
Row = create_model("Row", **dict.fromkeys(model.feature_names_in_, (float, ...)))
app = FastAPI()


class Body(BaseModel):
    rows: list[Row]


@app.post("/v1/score")
def score(body: Body) -> dict[str, list[float]]:
    return {"predictions": model.predict(pd.DataFrame([row.model_dump() for row in body.rows])).tolist()}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
