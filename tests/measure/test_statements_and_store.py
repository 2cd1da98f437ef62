"""Evidence that is not a file's own: what people attest, what gradino's store recorded, what a live system answers."""

# ruff: noqa: E501 - rows read better unwrapped

import hashlib
import http.server
import json
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest

from gradino.measure import assess, live
from gradino.measure.interview import from_file, questions, write
from tests.measure.decoys import GOOD

Maker = Callable[..., Path]
Commits = Callable[..., None]
TRACK = "people.data-engineers"


def attestation(person: str, role: str, level: int, expires: str = "2030-01-01") -> str:
    return (
        f'[[attestation]]\ntrack = "{TRACK}"\nlevel = {level}\nperson = "{person}"\nrole = "{role}"\n'
        f'date = 2023-01-01\nlink = "https://example.org/1"\nexpires = {expires}\n'
    )


def levels(root: Path, **options: object) -> tuple[int, int, int]:
    level = assess(root, **options).track(TRACK).level  # type: ignore[arg-type]
    return level.wired, level.proven, level.possible


def test_nobody_said_anything_is_unknown_not_failed(repository: Maker) -> None:
    assert levels(repository({"a.py": "x = 1\n"})) == (1, 1, 4)


def test_commits_that_say_otherwise_keep_a_statement_from_being_shown(repository: Maker, commit: Commits) -> None:
    both = attestation("Ada", "data engineer", 4) + attestation("Bo", "lead", 4)
    root = repository({"gradino-attestations.toml": both})
    for number in range(20):
        commit(root, {"train.py": f"x = {number}\n"}, author="Ada")
        commit(root, {"pipeline.py": f"x = {number}\n"}, author="Bo")
        commit(root, {"app.py": f"x = {number}\n"}, author="Cy")
    assert levels(root) == (4, 1, 4)
    rungs = assess(root).track(TRACK).rungs
    assert any("nobody works on both sides" in e.says for rung in rungs for e in rung.evidence)
    shared = "Together\n\nCo-authored-by: Bo <bo@example.org>\nReviewed-by: Cy <cy@example.org>"
    commit(root, {"train.py": "y = 0\n", "pipeline.py": "y = 0\n"}, shared)
    assert levels(root) == (4, 4, 4)


def test_codeowners_of_both_sides_are_named(repository: Maker) -> None:
    owners = "# who reviews\n/train/ @science @platform\n/pipelines/ @platform\n"
    rung = assess(repository({".github/CODEOWNERS": owners})).track(TRACK).rungs[1]
    assert (rung.verdict, rung.evidence[0].says) == ("unknown", "@platform must review both sides")


def test_a_readme_claims_and_raises_nothing(repository: Maker) -> None:
    text = "# Bikes\nDrift triggers retraining.\n- [ ] canary releases\nBlue/green is planned for the future.\n"
    found = assess(repository({"README.md": text}))
    assert found.track("creation.training").level.possible == 1
    assert {g.track: g.claimed for g in found.gaps if g.claimed} == {"creation.training": "README.md:2"}


def test_one_person_sets_up_two_roles_show(repository: Maker) -> None:
    one = repository({"gradino-attestations.toml": attestation("Ada", "data engineer", 4)}, "one")
    two = repository(
        {"gradino-attestations.toml": attestation("Ada", "data engineer", 4) + attestation("Bo", "lead", 4)}, "two"
    )
    assert levels(one) == (4, 1, 4)
    assert levels(two) == (4, 2, 4)


def test_expired_contradicted_or_incomplete_statements_do_not_hold(repository: Maker) -> None:
    old = repository({"gradino-attestations.toml": attestation("Ada", "lead", 4, "2023-06-01")}, "old")
    assert levels(old)[0] == 1
    assert levels(old, today=date(2023, 5, 1))[0] == 4
    torn = attestation("Ada", "data engineer", 4) + attestation("Bo", "data scientist", 1)
    found = assess(repository({"gradino-attestations.toml": torn}, "torn"))
    assert found.track(TRACK).level.wired == 1
    assert any("Bo" in e.says for e in found.track(TRACK).rungs[2].evidence)
    bad = assess(repository({"gradino-attestations.toml": '[[attestation]]\ntrack = "nope"\n'}, "bad"))
    assert any("attestation" in n for n in bad.notes)


def test_nobody_can_attest_what_a_file_must_show(repository: Maker) -> None:
    text = attestation("Ada", "lead", 4).replace(TRACK, "creation.training")
    assert assess(repository({"gradino-attestations.toml": text})).track("creation.training").level.wired == 1


def test_an_exemption_silences_a_gap_and_raises_nothing(repository: Maker) -> None:
    text = '[[exemption]]\ntrack = "creation.training"\nlevel = 4\nreason = "one-off"\napprover = "Bo"\nexpires = 2030-01-01\n'
    found = assess(repository({"gradino-exemptions.toml": text}))
    gap = next(g for g in found.gaps if g.track == "creation.training")
    assert "Bo" in gap.exempt
    assert found.track("creation.training").level.wired == 1
    late = assess(repository({"gradino-exemptions.toml": text}), today=date(2031, 1, 1))
    assert not next(g for g in late.gaps if g.track == "creation.training").exempt


def test_an_interview_writes_what_the_measure_reads(tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('[people.data-engineers]\nlevel = 2\nlink = "https://example.org/minutes"\n')
    write(tmp_path, "Ada", "data engineer", from_file(answers))
    assert levels(tmp_path) == (2, 1, 4)
    assert {q.track for q in questions("it")} >= {TRACK, "operations.learning", "integration.independence"}


TOML = (
    '[project]\nname = "b"\n[data]\nsource = "bikes.data:load"\nevery = "1h"\n[training]\ntrain = "bikes.train:train"\n'
)


AT = "2026-01-02 00:00:00"


def store(
    root: Path, *, digest: str = "d1", drills: tuple[str, ...] = (), closed: str | None = AT, how: str = "gate"
) -> None:
    """A store as the operating half leaves it: two batches, an alarm, a retrained champion."""
    folder = root / ".gradino"
    folder.mkdir()
    connection = sqlite3.connect(folder / "state.db")
    at = AT
    tables: dict[str, list[dict[str, object]]] = {
        "data_versions": [{"version": v, "digest": f"d{v}", "at": at} for v in (0, 1)],
        "runs": [
            {"id": f"r{n}", "status": "finished", "reason": why, "commit": "abc", "code": "c", "environment": "e",
             "data_version": n, "data_digest": f"d{n}" if n == 0 else digest, "metrics": '{"mae": 1}', "tracker_run": "t",
             "version": n + 1, "at": at}
            for n, why in ((0, "first"), (1, "harm alarm"))
        ],
        "versions": [{"number": n + 1, "run": f"r{n}", "bundle": f"b{n}", "at": at} for n in (0, 1)],
        "releases": [{"id": n, "version": n, "stage": "done", "verdict": "pass", "experiment": '{"e": 30}' if n == 2 else None, "at": at} for n in (1, 2)],
        "gates": [{"release": n, "name": name, "verdict": "pass", "at": at} for n in (1, 2) for name in ("tests", "service")],
        "deployments": [{"environment": where, "champion": n, "at": at} for n in (1, 2) for where in ("test", "production")],
        "alarms": [{"version": 1, "evidence": 500.0, "at": at}],
        "retrainings": [{"run": "r1", "champion": 1, "promised": 0.3, "at": at}],
        "reproductions": [{"version": 2, "verdict": "pass", "how": "identical", "at": at}],
        "profiles": [{"version": 1, "labels": 40, "loss": 8.0, "at": at}],
        "metrics": [{"answered": 5000, "failed": 0, "at": at}],
        "incidents": [{"title": "a sensor read zero", "improved_by": how, "improvement": "a range", "closed": closed, "at": at}],
        "drills": [{"name": d, "verdict": "pass", "at": at} for d in drills],
    }  # fmt: skip
    for name, rows in tables.items():
        if rows:
            columns = list(rows[0])
            quoted = ", ".join(f'"{c}"' for c in columns)
            connection.execute(f"create table {name} ({quoted})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"insert into {name} values ({marks})", [[r[c] for c in columns] for r in rows])
    connection.commit()
    connection.close()


def rung(root: Path, name: str) -> tuple[str, str]:
    track, _, level = name.partition("@")
    judged = next(r for r in assess(root).track(track).rungs if r.level == int(level))
    return judged.verdict, judged.strength


def test_gradino_toml_alone_declares_and_with_its_functions_is_wired(repository: Maker) -> None:
    assert rung(repository({"gradino.toml": TOML}, "alone"), "creation.training@4") == ("fail", "declared")
    assert rung(repository({"gradino.toml": TOML} | GOOD, "whole"), "release.traceability@4") == ("pass", "wired")


def test_a_project_of_a_monorepo_has_its_own_gradino_toml_and_store(repository: Maker) -> None:
    home = {f"rides/{path}": text for path, text in ({"gradino.toml": TOML, "requirements.txt": "x"} | GOOD).items()}
    sibling = {"prices/requirements.txt": "x", "prices/train.py": "model.fit(x, y)\n"}
    root = repository(home | sibling)
    assert rung(root / "rides", "release.traceability@4") == ("pass", "wired")
    assert rung(root / "prices", "release.traceability@4")[0] == "fail"
    store(root / "rides")
    assert rung(root / "rides", "release.traceability@4") == ("pass", "effective")


def test_a_chain_that_resolves_is_effective_and_a_drill_proves(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | GOOD)
    store(root, drills=("drift",))
    assert rung(root, "creation.training@4") == ("pass", "proven")
    assert rung(root, "release.traceability@4") == ("pass", "effective")
    assert rung(root, "release.environments@4") == ("pass", "effective")
    assert assess(root).track("creation.training").level.proven == 4


def test_a_drill_proves_until_it_fails_or_the_project_is_set_up_otherwise(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | GOOD)
    store(root)
    settings = hashlib.sha256(TOML.encode()).hexdigest()

    def after(*rows: tuple[str, str, str]) -> str:
        with closing(sqlite3.connect(root / ".gradino" / "state.db")) as connection, connection:
            connection.execute("drop table if exists drills")
            connection.execute("create table drills (name, verdict, settings, at)")
            connection.executemany("insert into drills values ('drift', ?, ?, ?)", rows)
        return rung(root, "creation.training@4")[1]

    assert after(("pass", settings, AT)) == "proven"
    assert after(("pass", "another gradino.toml", AT)) == "effective"
    assert after(("pass", settings, "2025-09-01 00:00:00")) == "effective", "more than 90 days before the newest record"
    assert after(("pass", settings, "2026-01-01 00:00:00"), ("fail", settings, AT)) == "effective"
    assert after(("fail", settings, "2026-01-01 00:00:00"), ("pass", settings, AT)) == "proven"
    assert after(("pass", settings, "2026-01-01 00:00:00"), ("insufficient", settings, AT)) == "proven"


def test_the_store_shows_what_each_table_is_about(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | GOOD)
    store(root)
    for name in (
        "creation.reproducibility@4",
        "operations.feedback@4",
        "operations.metrics@4",
        "operations.availability@4",
        "integration.independence@4",
    ):
        assert rung(root, name) == ("pass", "effective"), name
    assert rung(root, "integration.application-tests@4") == ("pass", "effective")
    assert rung(root, "operations.learning@4") == ("pass", "effective")


def test_an_incident_that_is_still_open_taught_nothing_yet(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | {p: t for p, t in GOOD.items() if "incidents" not in p})
    store(root, closed=None)
    assert rung(root, "operations.learning@4")[0] != "pass"


def test_an_incident_that_was_accepted_taught_nothing(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | {p: t for p, t in GOOD.items() if "incidents" not in p})
    store(root, how="accepted")
    assert rung(root, "operations.learning@4")[0] != "pass"


@pytest.mark.parametrize(
    ("source", "strength"),
    [
        ('source = "rides/*.csv"', "wired"),
        ('source = "https://example.org/rides"', "wired"),
        ('source = "bikes.nowhere:load"', "declared"),
        ('[data.source]\nurl = "https://example.org/rides"\nheaders = { authorization = "${TOKEN}" }', "wired"),
        ('[data.source]\nsql = "select * from rides where hour > :since"\nurl = "postgresql://db/rides"', "wired"),
    ],
)
def test_a_source_may_be_a_function_files_an_address_or_a_query(repository: Maker, source: str, strength: str) -> None:
    toml = '[project]\nname = "b"\n[training]\ntrain = "bikes.train:train"\n[data]\n' + source
    root = repository({"gradino.toml": toml, "bikes/train.py": "def train(frame):\n    return frame\n"})
    assert rung(root, "creation.data-collection@4")[1] == strength


def test_a_digest_that_does_not_agree_is_not_effective(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | GOOD)
    store(root, digest="another")
    assert rung(root, "release.traceability@4") == ("pass", "executed")


def test_a_store_that_is_no_database_is_a_note(repository: Maker) -> None:
    root = repository({"gradino.toml": TOML} | GOOD)
    (root / ".gradino").mkdir()
    (root / ".gradino/state.db").write_text("not a database")
    assert rung(root, "creation.training@4")[0] == "pass"


class _Tracker(http.server.BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, object]] = {
        "/api/2.0/mlflow/experiments/search": {"experiments": [{"experiment_id": "1"}]},
        "/api/2.0/mlflow/runs/search": {"runs": [{"info": {"run_id": "r"}, "data": {"metrics": [{"key": "mae"}]}}]},
        "/api/2.0/mlflow/registered-models/search": {"registered_models": [{"latest_versions": [{"run_id": "r"}]}]},
        "/ping": {},
    }

    def _answer(self) -> None:
        found = self.answers.get(self.path.partition("?")[0])
        self.send_response(200 if found is not None else 404)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Tracker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_live_systems_are_asked_only_when_named(address: str) -> None:
    found, notes = live.ask(address, address)
    shown = {r: e.strength.name for r, e in found}
    assert shown["creation.versioning@4"] == "EFFECTIVE"
    assert shown["release.scoring-script@1"] == "EXECUTED"
    assert not notes
    assert live.ask() == ([], [])


class _Exporter(http.server.BaseHTTPRequestHandler):
    """A model's metrics page: predictions grow with every look at it."""

    looks: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        self.looks.append(1)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(f"# TYPE predictions_total counter\npredictions_total {len(self.looks)}\n".encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prometheus"), reason="needs Prometheus, Debian's package `prometheus`")
def test_a_real_prometheus_shows_what_moves_and_what_alerted(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Exporter) as exporter, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        threading.Thread(target=exporter.serve_forever, daemon=True).start()
        rule = {"alert": "Predicts", "expr": "predictions_total > 0"}
        (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": [rule]}]}))
        scrape = {"job_name": "bikes", "static_configs": [{"targets": [f"127.0.0.1:{exporter.server_port}"]}]}
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": ["rules.yml"], "scrape_configs": [scrape]}
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        address = f"127.0.0.1:{port}"
        command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
        server = subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(60):
                found, _notes = live.ask(prometheus=f"http://{address}")
                shown = {rung: e.strength.name for rung, e in found}
                if list(shown.values()) == ["EFFECTIVE"] * 3:
                    break
                time.sleep(0.5)
            assert shown == dict.fromkeys(
                ("operations.metrics@4", "operations.feedback@3", "operations.feedback@4"), "EFFECTIVE"
            )
        finally:
            server.terminate()
            server.wait(10)
            exporter.shutdown()


def test_a_silent_system_is_a_note_without_its_password() -> None:
    found, notes = live.ask(endpoint="http://user:hunter2@127.0.0.1:9")
    assert not found
    assert len(notes) == 1
    assert "hunter2" not in notes[0]
