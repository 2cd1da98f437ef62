"""`gradino replay` as a person meets it: any table, a project, wrong input."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
RIDES = ROOT.parent / "shared" / "data" / "bike-sharing-hour.csv"


def gradino(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gradino", *words], capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, n = np.random.default_rng(0), 1500
    x = rng.normal(size=n)
    y = np.where(x + np.repeat([0, 1, 2], n // 3) + rng.normal(0, 0.3, n) > 1, "UP", "DOWN")
    path = tmp_path_factory.mktemp("data") / "signal.csv"
    pd.DataFrame({"at": pd.date_range("2024-01-01", periods=n, freq="h"), "x": x, "class": y}).to_csv(path, index=False)
    return path


def test_any_table_gives_the_documented_json_and_a_page(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    options = ["--policy", "never", "--policy", "cost-aware", "--plot", str(page), "--json"]
    done = gradino("replay", "--data", str(file), "--time", "at", "--target", "class", *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["policies", "baselines", "rows", "seconds"]
    assert [policy["policy"] for policy in found["policies"]] == ["never", "cost-aware"]
    keys = ["policy", "loss", "retrains", "alarms", "promotions", "rollbacks", "cost"]
    assert all(list(policy) == keys for policy in found["policies"])
    assert set(found["baselines"]) == {"last-class", "last-class-after-delay", "majority"}
    html = page.read_text()
    assert html.count("<svg") == 1
    assert "http" not in html.replace("http://www.w3.org/", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "FILE", "--time", "att", "--target", "class"], "did you mean `at`?"),
        (["--data", "FILE", "--time", "at"], "needs --data, --time and --target"),
        (["--data", "nowhere.csv", "--time", "at", "--target", "y"], "there is no file"),
        (
            ["--data", "FILE", "--time", "at", "--target", "class", "--policy", "cost-awar"],
            "did you mean `cost-aware`?",
        ),
        (["--data", "FILE", "--time", "at", "--target", "class", "--delay", "soon"], '"soon" is no duration'),
        ([], "has no gradino.toml"),
    ],
)
def test_wrong_input_is_said_in_two_lines(file: Path, tmp_path: Path, words: list[str], said: str) -> None:
    done = gradino("replay", *[str(file) if word == "FILE" else word for word in words], cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not RIDES.exists(), reason="the bike-sharing file is not on this machine")
def test_a_project_is_replayed_with_its_own_code(tmp_path: Path) -> None:
    project = tmp_path / "bikes"
    shutil.copytree(ROOT / "examples" / "bike-sharing", project, ignore=shutil.ignore_patterns(".*"))
    raw = pd.read_csv(RIDES).head(2500)
    raw["hour"] = pd.to_datetime(raw.dteday, format="mixed") + pd.to_timedelta(raw.hr, unit="h")
    raw.rename(columns={"cnt": "rentals"}).drop(columns=["instant", "dteday", "casual", "registered"]).to_csv(
        tmp_path / "rides.csv", index=False
    )
    done = gradino("replay", "bikes", "--data", "rides.csv", "--policy", "never", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["policies"][0]["loss"] < found["baselines"]["mean"]
