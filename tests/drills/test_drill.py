"""`gradino drill` as people run it: a house that stands passes, one that was sabotaged does not."""

import fcntl
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from gradino.demo import feed
from gradino.demo.simulator import simulate
from gradino.demo.story import example
from gradino.operate.project import scaffold
from tests.operate.conftest import TOML


def command(folder: Path, *words: str) -> dict[str, Any]:
    """How to start a command in a folder, with a place beside it for what it writes while it runs."""
    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    words = (sys.executable, "-m", "gradino", *words)
    return {"args": words, "cwd": folder, "env": os.environ | {"TMPDIR": str(scratch)}, "stdin": subprocess.DEVNULL}


def gradino(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(**command(folder, *words), capture_output=True, text=True, timeout=900)


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@localhost"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with half a year of simulated rides in its store; its sockets want a short path."""
    folder = tmp_path_factory.mktemp("drill") / "town"
    scaffold.write(folder, example())
    scaffold.commit(folder)
    for day, rows in feed.days(simulate()):
        if date(2011, 9, 1) <= day < date(2012, 3, 1):
            feed.deliver(day, rows, folder / "feed")
    assert gradino(folder, "data", "collect").returncode == 0
    return folder


def recorded(folder: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / ".gradino" / "state.db")) as state:
        return list(state.execute('select name, verdict, "commit", settings from drills order by id'))


@pytest.mark.slow
def test_a_house_that_stands_passes_and_the_result_is_kept_for_assess(town: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in town.rglob("*") if path.is_file() and ".git/" not in str(path)}
    done = gradino(town, "drill", "bad-data", "gate", "--json", "--output", "report.html")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(drill["name"], drill["verdict"]) for drill in told["drills"]] == [("bad-data", "pass"), ("gate", "pass")]
    says = [seen["says"] for drill in told["drills"] for seen in drill["timeline"]]
    assert "4 rows came in and 2 went to quarantine, of 4 good and 2 bad ones" in says
    assert any("has learnt nothing: fail, holdout: it is no better than guessing" in line for line in says)
    assert [row[:2] for row in recorded(town)] == [("bad-data", "pass"), ("gate", "pass")]
    settings = hashlib.sha256((town / "gradino.toml").read_bytes()).hexdigest()
    assert {row[2:] for row in recorded(town)} == {(told["commit"], settings)}
    changed = {p for p, at in before.items() if not p.exists() or p.stat().st_mtime_ns != at}
    assert {path.name for path in changed} <= {"state.db", "state.db-wal", "state.db-shm", "drill.lock"}
    assert "it is no better than guessing" in (town / "report.html").read_text()
    assert not list((town.parent / "scratch").glob("gradino-drill-*")), "nothing is left behind"


@pytest.mark.slow
def test_where_the_contract_is_taken_away_bad_rows_come_in_and_the_drill_fails(town: Path) -> None:
    file = town / "gradino.toml"
    file.write_text(re.sub(r"(?m)^schema = .*\n", "", file.read_text()))
    git(town, "commit", "--quiet", "--all", "-m", "No contract")
    done = gradino(town, "drill", "bad-data", "--json")
    assert done.returncode == 1, done.stderr
    (drill,) = json.loads(done.stdout)["drills"]
    assert drill["verdict"] == "fail"
    assert drill["why"] == "6 rows came in and 0 went to quarantine, of 4 good and 2 bad ones"
    assert recorded(town)[0][:2] == ("bad-data", "fail")


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_no_folder_and_no_record(town: Path) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    drill = subprocess.Popen(**command(town, "drill", "drift"), **quiet)
    deadline, started = time.monotonic() + 120, psutil.Process(drill.pid)
    while not any("operate.serving" in " ".join(p.cmdline()) for p in started.children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    family = started.children(recursive=True)
    drill.send_signal(signal.SIGINT)
    assert drill.wait(60) == 130
    assert not psutil.wait_procs(family, timeout=10)[1]
    assert not list((town.parent / "scratch").glob("gradino-drill-*"))
    assert recorded(town) == []


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of which nothing was ever collected."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "gradino.toml").write_text(TOML)
    (folder / "shop.py").write_text("collect = train = Hours = 0\n")
    return folder


def test_what_cannot_be_rehearsed_is_said_in_two_lines(shop: Path) -> None:
    committed = (["init"], ["add", "."], ["commit", "-m", "A shop"])
    for steps, said in (((), "is not committed to a git repository"), (committed, "has no rows yet")):
        for step in steps:
            git(shop, *step)
        done = gradino(shop, "drill", "gate")
        assert done.returncode == 2, done.stdout
        assert said in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def test_two_at_once_are_told_apart(shop: Path) -> None:
    (shop / ".gradino").mkdir()
    with (shop / ".gradino" / "drill.lock").open("w") as held:
        held.write("4711")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        done = gradino(shop, "drill", "gate")
    assert done.returncode == 2
    assert "process 4711 already holds" in " ".join(done.stderr.split())


def test_the_drills_say_what_each_must_show(tmp_path: Path) -> None:
    told = json.loads(gradino(tmp_path, "drill", "--list", "--json").stdout)
    assert len(told) == 11
    assert all(len(says) > 40 for says in told.values())
