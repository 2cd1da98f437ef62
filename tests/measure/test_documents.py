"""The documents agree with the data and the code."""

from pathlib import Path

import msgspec

from gradino import maturity
from gradino.measure.assessment import Assessment
from gradino.measure.collectors import COLLECTORS
from gradino.measure.plan import NEEDS, Plan
from gradino.measure.probes import PROBES, advice

DOCS = Path(__file__).parents[2] / "docs"


def test_every_rung_stands_in_the_document() -> None:
    text = (DOCS / "maturity-model.md").read_text(encoding="utf-8")
    for track in maturity.load().tracks:
        assert f"`{track.id}`" in text
        for rung in track.rungs:
            assert rung.says.en in text
            assert advice(f"{track.id}@{rung.level}") in text


def test_every_rung_above_the_lowest_has_a_probe_with_advice_or_rests_on_people() -> None:
    wanted = {f"{t.id}@{r.level}" for t in maturity.load().tracks for r in t.rungs[1:]}
    only_attested = {"release.ownership@1", "release.ownership@2"}
    assert set(PROBES) == wanted - only_attested
    assert all(advice(rung) for rung in PROBES)


def test_every_field_of_the_documents_is_documented() -> None:
    text = (DOCS / "measure.md").read_text(encoding="utf-8")
    for kind in (Assessment, Plan):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in text, field.name


def test_dependencies_of_the_plan_name_tracks() -> None:
    known = {t.id for t in maturity.load().tracks}
    assert set(NEEDS) <= known
    assert {n for needs in NEEDS.values() for n in needs} <= known


def test_collectors_are_functions_of_their_own_files() -> None:
    assert len(COLLECTORS) == len(set(COLLECTORS.values()))
    assert all(c.__module__.startswith("gradino.measure.collectors.") for c in COLLECTORS.values())


def test_measuring_imports_no_machine_learning() -> None:
    import subprocess
    import sys

    heavy = ("mlflow", "sklearn", "pandas", "numpy", "gradino.operate")
    code = f"import sys, gradino.measure; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
