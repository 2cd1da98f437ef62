"""A version made again from its record: the same bits, and no belief in a record that was touched."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradino.errors import GradinoError
from gradino.operate import registry
from gradino.operate.data import collect
from gradino.operate.store.state import events, reproductions, runs, versions
from gradino.operate.training import execute, request
from gradino.operate.training.order import Result
from gradino.operate.training.reproduce import compare, reproduce
from tests.operate.conftest import START, Shop

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def trained(shop: Shop) -> Shop:
    """A shop with version 1, whose training draws random numbers."""
    shop.rewrite("import LinearRegression", "import SGDRegressor")
    shop.rewrite(
        'LinearRegression().fit(frame[["warmth", "open"]]',
        'SGDRegressor(eta0=1e-3).fit(frame[["warmth", "open"]]',
    )
    collect(shop.project, shop.store)
    execute(shop.project, shop.store, request(shop.store, shop.project, "a test", START))
    return shop


def bundle(shop: Shop) -> Path:
    (version,) = shop.store.state.rows(versions)
    return shop.store.root / "bundles" / str(version.bundle)


def test_the_record_alone_gives_the_same_bits_whatever_the_project_became(trained: Shop) -> None:
    trained.rewrite("SGDRegressor(eta0=1e-3)", "SGDRegressor(eta0=1e-9)")
    done = subprocess.run(
        [sys.executable, "-m", "gradino", "reproduce", "v1", "--here", "--project", str(trained.root), "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["how"], found["reproduced"], found["evidence"]["machine"]) == ("identical", True, {})
    (row,) = trained.store.state.rows(reproductions)
    assert (row.version, row.verdict, row.how) == (1, "pass", "identical")
    assert trained.store.state.count(events, events.c.kind == "reproduction") == 1
    assert not list((trained.store.root / "reproductions").iterdir())
    assert trained.store.state.count(versions) == trained.store.state.count(runs) == 1


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


TAMPERINGS: dict[str, Callable[[Shop], None]] = {
    "the seed": lambda shop: (
        (bundle(shop) / "lineage.json").write_text(
            (bundle(shop) / "lineage.json").read_text().replace('"seed": ', '"seed": 1')
        )
        and None
    ),
    "the model": lambda shop: flip(next(bundle(shop).glob("model.*"))),
    "the code": lambda shop: flip(next((shop.store.root / "runs").glob("*/code/shop.py"))),
    "the lock": lambda shop: flip(next((shop.store.root / "runs").glob("*/code/uv.lock"))),
    "the rows": lambda shop: flip(next((shop.store.root / "tables" / "rows").glob("*.parquet"))),
    "the batch": lambda shop: flip(next((shop.store.root / "raw").glob("*.parquet"))),
    "the snapshot": lambda shop: shutil.rmtree(next((shop.store.root / "runs").glob("*/code"))),
}


def test_a_record_that_was_touched_is_not_believed(trained: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    trained.store.state.close()
    for name, tamper in TAMPERINGS.items():
        shop = Shop(tmp_path_factory.mktemp("tampered"))
        shutil.copytree(trained.root, shop.root, dirs_exist_ok=True)
        tamper(shop)
        found = reproduce(shop.project, shop.store, 1, here=True)
        assert (found.how, found.passed) == ("broken", False), name
        (row,) = shop.store.state.rows(reproductions)
        assert (row.verdict, row.how) == ("fail", "broken"), name
        shop.store.state.close()


def test_what_differs_is_measured_and_the_strictest_likeness_is_said(trained: Shop) -> None:
    path = bundle(trained)
    origin = registry.lineage(path)
    (name, then), *_ = origin.metrics.items()
    manifest = json.loads((path / "manifest.json").read_text())
    same = {name: manifest[name] for name in ("model.skops", "tested.skops")}

    def how(files: dict[str, str], metric: float, rows: int) -> str:
        return compare(path, origin, Result(files, {name: metric}, 0.5, rows, {}), 0.01)[0]

    assert how(same, then, 0) == "identical"
    assert how({"model.skops": "0"}, then, 0) == "predictions"
    assert how({"model.skops": "0"}, then * 1.009, 3) == "metric"
    assert how({"model.skops": "0"}, then * 1.011, 3) == "different"
    assert how({"model.skops": "0"}, float("nan"), 3) == "different"


def test_a_training_that_depends_on_the_wall_clock_is_found_out(trained: Shop) -> None:
    trained.rewrite(
        "    return SGDRegressor(", "    import time\n    frame['sold'] *= time.time() % 7\n    return SGDRegressor("
    )
    execute(trained.project, trained.store, request(trained.store, trained.project, "a test", START))
    found = reproduce(trained.project, trained.store, 2, tolerance=1e-6, here=True)
    assert found.how == "different"
    assert "on record: more than 0.00% apart" in found.says


def test_without_a_version_or_gradino_in_the_lock_it_says_what_to_do(trained: Shop) -> None:
    with pytest.raises(GradinoError, match="no version v7 is on record"):
        reproduce(trained.project, trained.store, 7)
    with pytest.raises(GradinoError, match="does not contain gradino"):
        reproduce(trained.project, trained.store, 1)  # the shop's lock file is empty
    assert trained.store.state.count(reproductions) == 0
