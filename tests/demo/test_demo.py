"""The main job, whole and on real data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RIDES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "bike-sharing-hour.csv"


def demo(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gradino", "demo", *arguments],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.slow
@pytest.mark.skipif(not RIDES.exists(), reason=f"the real rides are not at {RIDES}")
def test_two_years_of_real_rides(tmp_path: Path) -> None:
    done = demo(tmp_path, "--data", str(RIDES), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["data"] == "real"
    assert told["requests"] > 8700
    assert told["failed_requests"] == 0
    assert told["alarms"] >= 1
    assert told["retrains"] >= 1
    assert told["promotions"] >= 1
    assert told["refused"] >= 2
    assert told["quarantined_rows"] == 46
    assert told["trace_verified"] is True
    assert told["level"] >= 3
    assert told["peak_mb"] < 1500
    assert {"seconds"} <= told.keys()
    assert "real rides" in done.stderr
    assert (tmp_path / "gradino-demo" / "report.html").stat().st_size > 50_000
    assert [path.name for path in tmp_path.iterdir()] == ["gradino-demo"]


def test_a_file_that_is_not_the_rides_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name, said in {"other.csv": "has no column", "nothing.csv": "no such file"}.items():
        done = demo(tmp_path, "--data", name)
        assert done.returncode == 2
        assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["other.csv"]


def test_a_folder_of_that_name_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "gradino-demo").mkdir()
    (tmp_path / "gradino-demo" / "thesis.txt").write_text("years of work")
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "not from an earlier demo" in done.stderr
    assert (tmp_path / "gradino-demo" / "thesis.txt").exists()
