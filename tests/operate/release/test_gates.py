"""Each gate on real versions of a real project: what it lets pass, what it refuses, and what it says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from gradino.errors import ProjectError
from gradino.operate import data, registry, release, training
from gradino.operate.release import checks
from gradino.operate.release.candidate import Candidate, Result
from gradino.operate.release.gates import chosen, judge
from gradino.operate.store.state import deployments, gates, releases, versions
from tests.operate.conftest import CODE, LOCK, PYPROJECT, TOML, Shop, hours

pytestmark = pytest.mark.slow

RULES = """

def not_absurd(champion, challenger, holdout):
    said = challenger.predict(holdout)
    return bool((said >= 0).all()), "it sells nothing back"


def never(champion, challenger, holdout):
    return False


def silly(champion, challenger, holdout):
    return 7
"""
UNIT = "from shop import train\n\n\ndef test_there_is_a_training():\n    assert callable(train)\n"
INTEGRATION = """\
import json
import json
import os
import subprocess
import sys
import urllib.request


def test_the_server_answers():
    row = {"hour": "2024-01-10T10:00:00Z", "warmth": 12.0, "open": True}
    request = urllib.request.Request(os.environ["GRADINO_URL"] + "/v1/score", json.dumps({"rows": [row]}).encode())
    request.add_header("content-type", "application/json")
    assert json.load(urllib.request.urlopen(request))["predictions"][0]["value"] > 0
"""


class Backwards:
    """An estimator that says the opposite."""

    def __init__(self, fitted: Any) -> None:
        self.predict = lambda frame: -fitted.predict(frame)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a champion, v1, and a candidate, v2, from later rows."""
    root = tmp_path_factory.mktemp("shop")
    shop = Shop(root)
    (root / "tests" / "integration").mkdir(parents=True)
    for name, content in {
        "gradino.toml": TOML.replace("[training]", '[training]\nslices = ["open"]')
        + '[release]\ngates = ["shop:not_absurd"]\n',
        "pyproject.toml": PYPROJECT,
        "uv.lock": LOCK,
        "shop.py": CODE + RULES,
        "tests/test_shop.py": UNIT,
        "tests/integration/test_server.py": INTEGRATION,
    }.items():
        (root / name).write_text(content)
    for until in (600, 900):
        shop.deliver(hours(0, until))
        data.collect(shop.project, shop.store)
        training.execute(shop.project, shop.store, training.request(shop.store, shop.project, "test", None))
        if until == 600:
            release.propose(shop.store, None)
            release.run_gates(shop.project, shop.store, 1)
            release.after_gates(shop.project, shop.store, 1, None)
            judged = shop.store.state.rows(gates)
            assert {row.verdict for row in judged} == {"pass"}, [(row.name, row.evidence) for row in judged]
    yield shop
    shop.store.state.close()


def ask(shop: Shop, gate: str, **release_settings: object) -> Result:
    """What one gate says of v2."""
    project = shop.project
    project = project.model_copy(update={"release": project.release.model_copy(update=release_settings)})
    return judge(chosen(project)[gate], Candidate.of(project, shop.store, 2))


def test_the_first_version_passed_all_gates_in_their_order(shop: Shop) -> None:
    rows = shop.store.state.rows(gates, gates.c.release == 1)
    assert [row.name for row in rows] == list(chosen(shop.project))
    assert {row.verdict for row in rows} == {"pass"}, [(row.name, row.evidence) for row in rows]
    live = shop.store.state.last(deployments, deployments.c.environment == "production")
    assert live is not None
    assert live.champion == 1


def test_the_holdout_is_compared_as_both_recipes_were_tested(shop: Shop) -> None:
    found = ask(shop, "holdout")
    assert found.verdict == "pass", found
    assert 0 < found.evidence["champion"] < found.evidence["guessing"]
    assert found.evidence["learnt"]["released"] <= 1.1 * found.evidence["learnt"]["candidate"]
    two = Candidate.of(shop.project, shop.store, 2)
    itself = judge(chosen(shop.project)["holdout"], replace(two, champion_bundle=two.bundle)).evidence
    assert itself["champion"] == itself["candidate"], "not by what has learnt from the holdout"


def test_a_champion_that_has_seen_the_holdout_leaves_nothing_to_compare(shop: Shop) -> None:
    """An older version against a champion of later rows."""
    one, two = (Candidate.of(shop.project, shop.store, number) for number in (1, 2))
    found = judge(chosen(shop.project)["holdout"], replace(one, champion_bundle=two.bundle))
    assert found.verdict == "fail", found
    assert "newer than the candidate's" in found.says


def test_a_fit_on_all_rows_that_failed_is_not_released(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe is as good as ever, but what would be released answers nonsense to what it has learnt."""
    load = registry.load

    def spoilt(*given: Any, tested: bool = False) -> Any:
        model = load(*given, tested=tested)
        return model if tested else model.with_estimator(Backwards(model.estimator))

    monkeypatch.setattr(registry, "load", spoilt)
    found = checks.compare_on_holdout(Candidate.of(shop.project, shop.store, 2))
    assert found.verdict == "fail", found
    assert "fitted on all rows" in found.says


def test_the_model_as_it_is_served_is_compared_with_python(shop: Shop) -> None:
    found = ask(shop, "parity")
    assert found.verdict == "pass", found
    assert found.evidence["different"] == 0
    assert found.evidence["rows"]["holdout"] > 100


def test_slices_are_compared(shop: Shop) -> None:
    found = ask(shop, "slices")
    assert found.verdict == "pass"
    assert set(found.evidence) == {"open = True", "open = False"}


def test_the_budget_is_measured_and_held(shop: Shop) -> None:
    found = ask(shop, "budget", latency=pd.Timedelta("1us").to_pytimedelta(), memory=2**20)
    assert found.verdict == "fail"
    assert "more than 0 ms and more than 1 MiB" in found.says
    assert found.evidence["memory_mib"] > 50


@pytest.mark.parametrize(
    ("gate", "verdict"), [("not_absurd", "pass"), ("never", "fail"), ("silly", "insufficient"), ("absent", "fail")]
)
def test_a_gate_of_the_project_is_asked_with_both_models(shop: Shop, gate: str, verdict: str) -> None:
    reference = type(shop.project.training.train).parse(f"shop:{gate}")
    assert ask(shop, str(reference), gates=(reference,)).verdict == verdict


def test_integration_tests_reach_the_server_and_a_missing_folder_is_no_failure(shop: Shop) -> None:
    assert ask(shop, "integration").evidence == {"passed": 1, "failed": 0}
    assert ask(shop, "tests").evidence == {"passed": 1, "failed": 0}


def test_features_sent_otherwise_than_the_table_has_them_are_found(shop: Shop) -> None:
    assert "asked nothing" in ask(shop, "skew").says
    frame = hours(400, 300)
    for sequence, scale in enumerate((1.0, 1.8)):  # the second time in another unit
        table = pa.table(
            {
                "prediction_id": [f"{sequence}-{i}" for i in range(len(frame))],
                "event_time": pa.array(frame["hour"].tolist(), pa.timestamp("us", tz="UTC")),
                "version": [1] * len(frame),
                "role": ["champion"] * len(frame),
                "x_warmth": frame["warmth"] * scale,
                "x_open": frame["open"],
            }
        )
        shop.store.tables.append("predictions", table, "log", sequence)
        found = ask(shop, "skew")
        assert found.verdict == ("pass" if scale == 1.0 else "fail"), found
    assert found.evidence["differ"]["warmth"] > 0.4
    assert found.evidence["differ"]["open"] == 0


def test_a_changed_environment_is_not_the_bundles(shop: Shop) -> None:
    lock = Candidate.of(shop.project, shop.store, 2).code / "uv.lock"
    kept = lock.read_text()
    try:
        lock.write_text("this is no lock file")
        assert ask(shop, "tests").verdict == "fail"
    finally:
        lock.write_text(kept)


def test_a_touched_bundle_is_refused_at_the_first_gate(shop: Shop) -> None:
    file = Candidate.of(shop.project, shop.store, 2).bundle / "schema.json"
    kept = file.read_bytes()
    try:
        file.write_bytes(kept.replace(b"warmth", b"warmer"))
        assert ask(shop, "integrity").verdict == "fail"
    finally:
        file.write_bytes(kept)


def test_trying_gates_records_nothing(shop: Shop) -> None:
    assert shop.store.state.count(releases) == 1
    assert {row.status for row in shop.store.state.rows(versions, versions.c.number == 2)} == {"candidate"}


def test_a_gate_that_does_not_exist_is_refused_when_the_project_is_read(shop: Shop) -> None:
    toml = (shop.root / "gradino.toml").read_text()
    shop.rewrite("shop:not_absurd", "shop:nothing", "gradino.toml")
    with pytest.raises(ProjectError, match="defines no `nothing`"):
        _ = shop.project
    (shop.root / "gradino.toml").write_text(toml)
    assert os.environ.get("GRADINO_URL") is None


def gradino(*command: str, root: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "gradino", *command, "--json"]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=120)


def test_the_commands_say_what_was_decided_and_check_it(shop: Shop, tmp_path: Path) -> None:
    (told,) = json.loads(gradino("decisions", root=shop.root).stdout)
    assert (told["kind"], told["verdict"]) == ("gates", "pass")
    file = tmp_path / "decision.json"
    assert gradino("decisions", told["id"], "--export", str(file), root=shop.root).returncode == 0
    assert json.loads(gradino("verify", str(file), root=tmp_path).stdout)["agrees"]  # without the project
    file.write_text(file.read_text().replace('"verdict": "pass"', '"verdict": "fail"'))
    changed = gradino("verify", str(file), root=tmp_path)
    assert changed.returncode == 1
    assert not json.loads(changed.stdout)["agrees"]
    stands = json.loads(gradino("release", root=shop.root).stdout)
    assert (stands["version"], stands["stage"]) == (1, "done")
    assert json.loads(gradino("release", "--at", "2030-01-01", root=shop.root).stdout)["champion"] == 1
    one = gradino("test", "v2", "--gate", "schema", root=shop.root)
    assert (one.returncode, json.loads(one.stdout)["gates"][0]["verdict"]) == (0, "pass")
    for wrong, said in {("test", "--gate", "nothing"): "there are:", ("release", "v1"): "released before"}.items():
        refused = gradino(*wrong, root=shop.root)
        assert refused.returncode == 2
        assert said in refused.stderr
