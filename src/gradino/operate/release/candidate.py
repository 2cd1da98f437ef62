"""What a gate looks at, and what it says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gradino.operate.project import Project
from gradino.operate.release.rollout import champion
from gradino.operate.store import Store
from gradino.operate.store.state import versions

Verdict = Literal["pass", "fail", "insufficient"]


@dataclass(frozen=True)
class Candidate:
    """A version on its way, and the champion it would replace."""

    project: Project
    store: Store
    version: int
    bundle: Path
    run: str
    champion_bundle: Path | None

    @classmethod
    def of(cls, project: Project, store: Store, version: int) -> "Candidate":
        row = store.state.last(versions, versions.c.number == version)
        live = store.state.last(versions, versions.c.number == champion(store))
        assert row is not None
        bundle, champions = (store.at_hand(f"bundles/{v.bundle}") if v else None for v in (row, live))
        assert bundle is not None
        return cls(project, store, version, bundle, row.run, champions)

    @property
    def log(self) -> Path:
        return self.store.folder("runs", self.run) / "gates.log"


@dataclass(frozen=True)
class Result:
    """`says` is one sentence for a person; `evidence` are the numbers behind it."""

    verdict: Verdict
    says: str
    evidence: dict[str, Any]
