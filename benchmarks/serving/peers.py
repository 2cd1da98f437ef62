"""The servers beside which the scoring server is measured: `peers.py echo|fastapi PORT [BUNDLE KEY]`."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec


class Echo:
    """JSON in, JSON out, on the same stack: what would be left if scoring and logging cost nothing."""

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        content = msgspec.json.decode(await protocol())
        protocol.response_bytes(200, [("content-type", "application/json")], msgspec.json.encode(content))


def echo(port: int) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    server = Server(Echo(), "127.0.0.1", port, interface=Interfaces.RSGI, log_enabled=False, websockets=False)
    asyncio.run(server.serve())


def fastapi(port: int, bundle: Path, key: Path) -> None:
    """What a tutorial shows: a pydantic body, a frame of it, predict. It logs nothing."""
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel, create_model

    from gradino.operate.registry import load

    model = load(bundle, bundle.name, key)
    row = create_model("Row", **{field.name: (float, ...) for field in model.inputs})  # type: ignore[call-overload]
    request: type[BaseModel] = create_model("Request", rows=(list[row], ...))  # type: ignore[valid-type]
    app = FastAPI()

    def score(body: request) -> dict[str, list[float]]:  # type: ignore[valid-type]
        frame = pd.DataFrame([r.model_dump() for r in body.rows])  # type: ignore[attr-defined]
        return {"predictions": model.predict(frame).tolist()}

    app.post("/v1/score")(score)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    name, port, *rest = sys.argv[1:]
    if name == "echo":
        echo(int(port))
    else:
        fastapi(int(port), Path(rest[0]), Path(rest[1]))
