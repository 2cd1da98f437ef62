"""A file is scored as the server would score its rows, whole or not at all, and says where its answers come from."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from gradino.cli.score import score
from gradino.errors import DataError, ServiceError
from gradino.operate.project import load
from gradino.operate.serving.batch import score_file
from gradino.operate.store.state import events
from tests.operate.serving.conftest import Place
from tests.operate.serving.test_real_bundles import pack

ROWS = pd.DataFrame(
    {
        "temperature": np.linspace(-10, 30, 20_000),
        "weather": "rain",
        "holiday": False,
        "hour": pd.Timestamp("2011-01-01", tz="UTC"),
        "note": "kept",
    }
)


@pytest.fixture
def live(place: Place) -> Place:
    place.version(1, pack(place, 2))
    place.deploy(1)
    return place


def ignored(_rows: int) -> None: ...


@pytest.mark.parametrize("given", ["in.parquet", "in.csv", "in"])
@pytest.mark.parametrize("out", ["out.parquet", "out"])
def test_every_row_is_scored_and_carries_its_id_and_version(live: Place, tmp_path: Path, given: str, out: str) -> None:
    source, target = tmp_path / given, tmp_path / out
    if given.endswith("parquet"):
        ROWS.to_parquet(source)
    elif given.endswith("csv"):
        ROWS.to_csv(source, index=False)
    else:
        write_deltalake(str(source), ROWS)
    batch = score_file(load(live.root), source, target, "production", ignored)
    table = DeltaTable(str(target)).to_pyarrow_table() if out == "out" else pq.read_table(target)
    scored = table.to_pandas().sort_values("temperature")
    assert batch.rows == len(scored) == len(ROWS)
    np.testing.assert_allclose(scored["prediction"], ROWS["temperature"] * 2, atol=1e-9)
    assert scored["prediction_id"].is_unique
    assert set(scored["version"]) == {1}
    assert set(scored["note"]) == {"kept"}
    (told,) = live.store.state.rows(events, events.c.kind == "batch")
    assert told.detail["bundle"] == batch.bundle
    if out == "out.parquet":
        assert table.schema.metadata[b"gradino.bundle"] == batch.bundle.encode()


def test_a_wrong_row_is_named_by_its_number_and_nothing_is_left(live: Place, tmp_path: Path) -> None:
    wrong = ROWS.assign(temperature=np.where(ROWS.index == 17_000, 99.0, ROWS["temperature"]))
    wrong.to_parquet(tmp_path / "in.parquet")
    with pytest.raises(DataError, match=r"row 17,000 .*`temperature`"):
        score_file(load(live.root), tmp_path / "in.parquet", tmp_path / "out.csv", "production", ignored)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_an_interruption_leaves_nothing_behind(live: Place, tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "in.parquet")

    def interrupted(rows: int) -> None:
        if rows > 10_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(load(live.root), tmp_path / "in.parquet", tmp_path / "out.parquet", "production", interrupted)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize(
    ("given", "out", "said"),
    [
        ("none.parquet", "out.csv", "there is no"),
        ("in.xlsx", "out.csv", "no form"),
        ("in.parquet", "in.parquet", "is there"),
    ],
)
def test_wrong_paths_are_told(live: Place, tmp_path: Path, given: str, out: str, said: str) -> None:
    ROWS.head(5).to_parquet(tmp_path / "in.parquet")
    with pytest.raises(DataError, match=said):
        score_file(load(live.root), tmp_path / given, tmp_path / out, "production", ignored)


def test_without_a_live_model_there_is_nothing_to_score_with(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no model is live"):
        score_file(load(place.root), tmp_path / "in.csv", tmp_path / "out.csv", "production", ignored)


def test_the_command_says_what_it_did(live: Place, tmp_path: Path, capsys: Any) -> None:
    ROWS.head(5).to_parquet(tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", tmp_path / "out.parquet", live.root, "production", as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["version"]) == (5, 1)


def test_a_terminated_run_leaves_nothing(live: Place, tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pd.concat([ROWS] * 200).to_parquet(source)
    command = [sys.executable, "-m", "gradino", "score", str(source), str(target), "--project", str(live.root)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.parquet.*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(30) == 143
    assert not list(tmp_path.glob("*out.parquet*")) + list(tmp_path.glob(".out.parquet*"))
