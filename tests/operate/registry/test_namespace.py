"""Champion and challenger: two versions of one module in one process."""

import importlib
import sys
from pathlib import Path

import pytest

from gradino.operate.project.reference import Reference
from gradino.operate.registry.namespace import Namespace
from tests.operate.registry.conftest import FRAME, pack

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": "VALUE = {value}\n",
    "shop/scoring.py": """
from __future__ import annotations
from dataclasses import dataclass
import json
import shop.prices
import shop.prices as prices
from shop import prices as again
from shop.prices import VALUE
from . import prices as relative

@dataclass
class Price:
    value: int

def score(model, frame):
    from shop.prices import VALUE as late
    import shop
    assert shop.prices is prices is again is relative
    return [Price(VALUE).value + late] * len(frame)
""",
}


def code(folder: Path, value: int) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content.replace("{value}", str(value)))
    return folder


def test_each_uses_its_own_modules_however_it_imports_them(tmp_path: Path) -> None:
    one, two = (Namespace(code(tmp_path / str(n), n), f"test{n}") for n in (1, 2))
    score = Reference("shop.scoring", "score")
    assert one.load(score)(None, [0]) == [2]
    assert two.load(score)(None, [0]) == [4]
    assert one.load(score)(None, [0]) == [2]


def test_nothing_else_in_the_process_notices(tmp_path: Path) -> None:
    path, before = list(sys.path), set(sys.modules)
    Namespace(code(tmp_path, 3), "test3").load(Reference("shop.scoring", "score"))
    assert sys.path == path
    assert not [name for name in sys.modules.keys() - before if name.partition(".")[0] == "shop"]
    assert sys.modules["json"] is importlib.import_module("json")
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_module_that_is_missing_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        Namespace(code(tmp_path, 4), "test4").load(Reference("shop.nowhere", "score"))


def test_two_bundles_with_scoring_code_of_one_name_serve_side_by_side(tmp_path: Path) -> None:
    def bundle(value: int) -> list[float]:
        files = {name: text.replace("{value}", str(value)) for name, text in FILES.items()}
        packed = pack(tmp_path / str(value), files=files, score="shop.scoring:score")
        return list(packed.load().predict(FRAME)[:2])

    (tmp_path / "10").mkdir()
    (tmp_path / "20").mkdir()
    assert [bundle(10), bundle(20)] == [[20, 20], [40, 40]]
