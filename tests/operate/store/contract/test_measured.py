"""`gradino assess` reads the chain behind the live model from either kind of store."""

import tomllib

import pytest

from gradino.errors import EvidenceError
from gradino.measure import assess
from gradino.operate.store.state import data_versions, deployments, runs, versions
from tests.operate.store.contract.conftest import Place

DECLARED = '[project]\nname = "b"\n[data]\nsource = "b:load"\nevery = "1h"\n[training]\ntrain = "b:train"\n'


def test_the_chain_behind_the_live_model_resolves(place: Place) -> None:
    said = (place.root / "gradino.toml").read_text()
    address = tomllib.loads(said)["store"]["state"] if said else ""
    (place.root / "gradino.toml").write_text(DECLARED + said)
    (place.root / "b.py").write_text("def train(rows):\n    return Ridge().fit(rows, rows)\n")
    state = place.store.state
    state.add(data_versions, version=1, digest="d", files={}, raw="r", rows=1, quarantined=0)
    state.add(runs, id="r1", status="finished", reason="first", commit="c", data_version=1, data_digest="d")
    state.add(versions, number=1, run="r1", bundle="b", status="champion")
    for environment in ("test", "production"):
        state.add(deployments, environment=environment, champion=1, reason="first")
    found = assess(place.root, store=address)
    (rung,) = (r for r in found.track("release.traceability").rungs if r.level == 4)
    assert (rung.verdict, rung.strength, found.notes) == ("pass", "effective", ())
    where = next(e.locator for e in rung.evidence if e.strength == "effective")
    assert where.startswith("postgresql://127.0.0.1/" if address else ".gradino/state.db#")
    if not address:
        return
    silent = assess(place.root, store="postgresql+psycopg://me:secret@127.0.0.1:1/none")
    assert any("127.0.0.1/none" in note and "secret" not in note for note in silent.notes)
    for wrong in ("mysql://127.0.0.1/x", "no address"):
        with pytest.raises(EvidenceError):
            assess(place.root, store=wrong)
    (place.root / "gradino.toml").unlink()
    with pytest.raises(EvidenceError, match=r"no gradino\.toml"):
        assess(place.root, store=address)
