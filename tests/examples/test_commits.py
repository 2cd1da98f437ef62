"""The two bad commits of the demo: one that only the holdout can refuse, one that only live traffic can."""

import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from gradino.demo import feed
from gradino.demo.commits import BROKEN, WORSE, Commit
from gradino.demo.simulator import simulate
from gradino.errors import ProjectError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/bike-sharing"
HOLDOUT = """
import json
import sys
from datetime import datetime, timedelta

from bikes.data import collect
from bikes.model import train
from bikes.scoring import score

rides = collect(datetime.min)
newest = rides.hour > rides.hour.max() - timedelta(days=28)
error = abs(score(train(rides[~newest]), rides[newest]) - rides.rentals[newest])
print(json.dumps(error.mean()))
"""


@pytest.fixture(scope="module")
def station(tmp_path_factory) -> Path:
    """What was counted in the simulated first year."""
    folder = tmp_path_factory.mktemp("feed")
    counts = simulate()
    feed.deliver(datetime(2011, 12, 31).date(), counts[counts["yr"] == 0], folder)
    return folder


def copy(folder: Path, commit: Commit | None) -> Path:
    project = folder / (commit.message if commit else "as it is")
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".*", "feed", "__pycache__"))
    if commit:
        commit.apply(project)
    return project


def holdout_error(project: Path, station: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", HOLDOUT],
        cwd=project,
        env={"BIKES_FEED": str(station), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("commit", [BROKEN, WORSE])
def test_unit_tests_do_not_notice(tmp_path, commit):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=copy(tmp_path, commit), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_holdout_refuses_the_broken_one_and_lets_the_worse_one_pass(tmp_path, station):
    good, broken, worse = (holdout_error(copy(tmp_path, commit), station) for commit in (None, BROKEN, WORSE))
    assert broken > 2 * good
    assert np.isclose(worse, good, rtol=0.1)


def test_an_edit_that_does_not_fit_says_so(tmp_path):
    project = copy(tmp_path, BROKEN)
    with pytest.raises(ProjectError, match="does not say once"):
        BROKEN.apply(project)
