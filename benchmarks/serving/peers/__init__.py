"""The servers beside which the scoring server is measured: one file each, run as `PYTHON FILE PORT MODEL`.

Each is set up as its own documentation shows, with one worker and with batching where it offers that. None logs what
it answers. They run in environments of their own, made here with uv; none of them has gradino.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, float]

_MODEL = ["scikit-learn==1.9.1", "pandas==3.1.1", "numpy==2.4.6"]


def _rows(rows: list[Row]) -> object:
    return {"rows": rows}


def _records(rows: list[Row]) -> object:
    return {"dataframe_records": rows}


def _tensors(rows: list[Row]) -> object:
    shape: dict[str, Any] = {"shape": [len(rows)], "datatype": "FP64"}
    inputs = [{"name": name, **shape, "data": [row[name] for row in rows]} for name in rows[0]]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


@dataclass(frozen=True)
class Peer:
    """What to install, where to ask, and how rows are sent."""

    packages: list[str]
    path: str = "/v1/score"
    body: Callable[[list[Row]], object] = _rows


PEERS = {
    "FastAPI": Peer(["fastapi==0.165.0", "uvicorn[standard]==0.54.0"]),
    "LitServe": Peer(["litserve==0.2.19"]),
    "BentoML": Peer(["bentoml==1.4.39"]),
    "MLflow": Peer(["mlflow==3.17.2"], "/invocations", _records),
    "MLServer": Peer(["mlserver==1.7.1", "mlserver-sklearn==1.7.1"], "/v2/models/bench/infer", _tensors),
    "Ray": Peer(["ray[serve]==2.60.0"]),
}


def command(name: str, cache: Path) -> list[str]:
    """How a peer is started, its environment made first where there is none; raises CalledProcessError."""
    python = cache / name.lower() / "bin" / "python"
    done = cache / name.lower() / "installed"
    wanted = "\n".join([*PEERS[name].packages, *_MODEL])
    if not done.exists() or done.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        made = [*uv, "venv", "-q", "--clear", "-p", sys.executable, str(python.parents[1])]
        subprocess.run(made, check=True, capture_output=True, text=True)
        install = [*uv, "pip", "install", "-q", "-p", str(python), *wanted.split("\n")]
        subprocess.run(install, check=True, capture_output=True, text=True)
        done.write_text(wanted)
    return [str(python), str(Path(__file__).parent / f"with_{name.lower()}.py")]
