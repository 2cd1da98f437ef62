"""The model is data, and the data says what the source and our tables say."""

import hashlib
import re
from pathlib import Path

import pytest

from gradino import maturity
from gradino.errors import EvidenceError

SHARED = Path(__file__).parents[2].parent / "shared"
SOURCE = SHARED / "source" / "000_f11cb5eda621c1f4.txt"
TABLES = SHARED / "maturity-model.md"


def bullets(text: str) -> set[str]:
    """Every bullet of the source as level.table.digest."""
    found: set[str] = set()
    table, level = "overview", ""
    for line in text.splitlines():
        if head := re.match(r"Livello (\d):", line):
            table, level = "detail", head[1]
        elif head := re.match(r"(\d) ", line):
            level = head[1]
        elif line.strip().startswith("•") and level:
            sentence = " ".join(line.strip()[1:].split()).casefold()
            found.add(f"{level}.{table}.{hashlib.sha256(sentence.encode()).hexdigest()[:8]}")
    return found


@pytest.mark.skipif(not SOURCE.exists(), reason="the source text lies beside the repository only where it is developed")
def test_every_bullet_of_the_source_is_covered_exactly_once() -> None:
    covered = [b for t in maturity.load().tracks for r in t.rungs for b in r.covers]
    assert len(covered) == len(set(covered))
    assert set(covered) == bullets(SOURCE.read_text(encoding="utf-8"))


@pytest.mark.skipif(
    not TABLES.exists(), reason="the model's tables lie beside the repository only where it is developed"
)
def test_rungs_attain_the_levels_of_our_tables() -> None:
    text = TABLES.read_text(encoding="utf-8").split("## The level that each rung attains")[1]
    stated = {
        m[1]: [int(part.split()[-1]) for part in m[2].split(",")]
        for m in re.finditer(r"^\| ((?:creation|release|integration|operations|people)\.\S+) \| ([^|]+) \|", text, re.M)
    }
    assert stated == {t.id: [r.level for r in t.rungs] for t in maturity.load().tracks}


def test_a_rung_is_asked_from_the_level_above_the_rung_below() -> None:
    collection = maturity.load().track("creation.data-collection")
    assert [(r.asked, r.level) for r in collection.rungs] == [(0, 0), (1, 4)]


@pytest.mark.parametrize("name", maturity.names())
def test_a_model_is_complete_and_bilingual(name: str) -> None:
    model = maturity.load(name)
    assert [x.number for x in model.levels] == list(range(model.top + 1))
    for track in model.tracks:
        assert track.dimension in model.dimensions
        assert track.rungs[-1].level == model.top
        assert [r.level for r in track.rungs] == sorted({r.level for r in track.rungs})
        for rung in track.rungs:
            assert 0 <= rung.days[0] <= rung.days[1]
            for text in (rung.says, rung.criterion, rung.deliverable):
                assert text.en
                assert text.it
                assert text.en != text.it


def test_a_second_model_is_measured_by_rungs_of_the_first() -> None:
    first, second = maturity.load(), maturity.load("google-2020-05")
    for shown in (s for t in second.tracks for r in t.rungs for s in r.shown_by):
        track, level = shown.split("@")
        assert int(level) in {r.level for r in first.track(track).rungs}


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(EvidenceError, match="azure-2020-01"):
        maturity.load("nope")
