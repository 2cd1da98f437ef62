"""Whatever lies in a repository gives an observation, never a crash, a hang, a secret or a running line of its code."""

# ruff: noqa: E501 - files read better unwrapped

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradino import maturity
from gradino.measure import assess, makefiles, notebooks, python, runners, shell, yaml
from gradino.measure.assessment import conclude
from gradino.measure.evidence import redacted
from gradino.measure.history import History
from gradino.measure.scene import survey
from gradino.measure.selection import Selection
from gradino.measure.template import fill
from gradino.measure.tree import Tree
from tests.measure.decoys import GOOD

Maker = Callable[..., Path]
ANY = st.text(max_size=400)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(ANY)
def test_parsers_take_any_text(text: str) -> None:
    yaml.load(text)
    python.parse("x.py", text)
    notebooks.parse("x.ipynb", text)
    makefiles.recipes(text, ["all"])
    for command in shell.commands(text):
        shell.verbs(command.text)
        shell.handover(command.text)
    Selection(Tree("", {"tox.ini": len(text)}, lambda _: text.encode()), f"pytest {text}", "app")
    runners.tox(Tree("", {"tox.ini": len(text)}, lambda _: f"[testenv]\ncommands = {text}".encode()), "", ())
    fill(text, {})
    redacted(text)


@settings(quick, max_examples=150)
@given(st.sampled_from(shell._TOOLS).flatmap(lambda tool: st.from_regex(tool[0], fullmatch=True)))
def test_the_quick_look_at_a_command_hides_no_tool(command: str) -> None:
    assert not shell._HEADS.isdisjoint(shell._WORD.findall(command))


@quick
@given(st.sampled_from(sorted(p for p in GOOD if GOOD[p])), st.integers(0, 2000), st.binary(max_size=40))
def test_a_damaged_file_never_fails_the_whole(path: str, at: int, bytes_: bytes) -> None:
    blobs = {p: t.encode() for p, t in GOOD.items()}
    at = at % len(blobs[path])
    blobs[path] = blobs[path][:at] + bytes_ + blobs[path][at + len(bytes_) :]
    tree = Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get)
    found = conclude(survey(tree, History()), maturity.load(), "x", date(2026, 1, 1))
    assert not [n for n in found.notes if "Error" in n]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a, *a]",
        "a: " + "[" * 5000,
        "x: !!python/object/apply:os.system ['true']",
        "\t- broken: [",
        "<<: *nothing",
    ],
)
def test_hostile_yaml_gives_nothing(text: str) -> None:
    yaml.load(text)


def test_a_yaml_bomb_ends_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    before = time.perf_counter()
    assert yaml.load("\n".join(lines)) == []
    assert time.perf_counter() - before < 5


def test_workflow_keys_stay_what_they_are() -> None:
    assert "on" in yaml.first("on: push\nno: yes\n")
    assert yaml.first("on: push\nno: yes\n").text("no") == "yes"


def test_hostile_trees_are_read_without_following_or_running(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "train.py").write_text(f"import os\nos.system('touch {tmp_path}/ran')\nraise SystemExit(1)\n")
    (root / "setup.py").write_text(f"open('{tmp_path}/ran', 'w')\n")
    (root / "loop").symlink_to(root)
    (root / "outside.py").symlink_to("/etc/passwd")
    (root / "big.py").write_bytes(b"x = 1\n" * 400_000)
    (root / "binary.py").write_bytes(b"\0\1\2")
    (root / "bad.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": ["%%bash\n", "rm -rf /"]}, 3, None]})
    )
    (root / "deep.json").write_text("[" * 100_000)
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/x.yml").write_text("on: [push]\njobs: [not, a, map]\n")
    (root / "gradino.toml").write_text("[[[")
    os.mkfifo(root / "pipe.py")
    found = assess(root)
    assert not (tmp_path / "ran").exists()
    assert found.level.wired == 0
    assert not [n for n in found.notes if "Error" in n]


def test_a_missing_blob_is_a_note(repository: Maker) -> None:
    root = repository(GOOD)
    blob = pygit2.Repository(str(root)).head.peel(pygit2.Commit).tree["bikes/train.py"].id
    (root / ".git/objects" / str(blob)[:2] / str(blob)[2:]).unlink()
    found = assess(root)
    assert any("bikes/train.py" in n for n in found.notes)
    assert found.track("creation.training").level.wired == 1


def test_secrets_are_not_printed(repository: Maker) -> None:
    files = GOOD | {
        ".github/workflows/release.yml": GOOD[".github/workflows/release.yml"].replace(
            "apply -f", "--token ghp_abcdefghijklmnop1234 apply -f"
        )
    }
    printed = assess(repository(files)).to_json()
    assert "kubectl" in printed
    assert "ghp_abcdefghijklmnop1234" not in printed


def test_an_empty_repository_is_measured_as_it_lies(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path))
    assert assess(tmp_path).subject.commit == ""


_BOMB = "".join(f"A{i} = $(A{i + 1})$(A{i + 1})\n" for i in range(30))
_AZURE = "jobs:\n" + "- template: /azure-pipelines.yml\n" * 200
HOSTILE = {
    "blank lines": {"Dockerfile": "\n" * 500_000, "monitoring/alerts.yml": "\n" * 500_000, "prefect.yaml": " \n" * 300_000},
    "one long line": {
        "a.py": "# register\nif mae " + "mae " * 100_000, "Makefile": " " * 400_000, "README.md": "degrad" * 100_000,
        "run.sh": "gcloud app " * 50_000 + "\n" + "curl -f " * 50_000, "alert-rules.yml": "- alert: x\n  expr: " + "::" * 200_000,
    },
    "braces without end": {"cookiecutter.json": "{}", "{{x}}/a.py": "{{" * 200_000, "{{x}}/b.yml": "{%" * 200_000},
    "a path of digits": {"week" + "0" * 30_000: "x"},
    "variables that grow": {"Makefile": f"{_BOMB}all:\n\techo $(A0)\n"},
    "templates that include themselves": {"azure-pipelines.yml": f"trigger: [main]\npool: x\n{_AZURE}"},
    "workflows that call each other": {
        f".github/workflows/{i}.yml": "on: push\njobs:\n"
        + "".join(f"  j{k}:\n    uses: ./.github/workflows/{k % 5}.yml\n" for k in range(60))
        for i in range(5)
    },
    "scripts that call each other": {
        **{f"s{i}.sh": "\n".join(f"bash s{k}.sh" for k in range(40)) + "\nkubectl apply -f x\n" for i in range(40)},
        ".github/workflows/x.yml": "on: push\njobs:\n  j:\n    steps:\n      - run: bash s0.sh\n",
    },
    "tasks without an end": {"tasks.py": "def a(" * 100_000},
    "a notebook of many cells": {
        "n.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": "x.fit(1)"}] * 8_000})
    },
    "a file that only a newer Python reads": {"a.py": "import mlflow\n" + "type X = int\n" * 20_000},
    "brackets": {"a.py": "mlflow = " + "(" * 90_000, "b.json": "[" * 90_000, "c.yml": "[" * 90_000, "d.toml": "a = " + "[" * 90_000},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_that_lies_in_a_repository_makes_it_hang(name: str) -> None:
    blobs = {path: text.encode() for path, text in HOSTILE[name].items()}
    before = time.process_time()
    scene = survey(Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get), History())
    found = conclude(scene, maturity.load(), "x", date(2026, 1, 1))
    assert time.process_time() - before < 10  # of two seconds here at most; quadratic ones took minutes
    assert not [n for n in found.notes if "Error" in n]


def test_two_processes_print_the_same_bytes(repository: Maker) -> None:
    root = repository(GOOD)
    program = "import sys; from pathlib import Path; from gradino.measure import assess; print(assess(Path(sys.argv[1])).to_json())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, str(root)],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(printed) == 1
