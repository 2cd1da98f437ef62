"""What a gate looks at, and what it says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gradino.errors import ReleaseError
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

    @classmethod
    def named(cls, project: Project, store: Store, name: str) -> "Candidate":
        """The version of that name, `v3` or `3`; the newest for none. Raises ReleaseError where there is none."""
        number = name.removeprefix("v")
        if number and not number.isdigit():
            raise ReleaseError(f"{name} is no version", "name it as v3 or 3; `gradino runs` lists them")
        row = store.state.last(versions, *([versions.c.number == int(number)] if number else []))
        if row is None:
            raise ReleaseError(f"there is no version {name}".rstrip(), "train one: gradino train")
        return cls.of(project, store, row.number)

    @property
    def code(self) -> Path:
        """The snapshot of the project's files that it was trained from."""
        return self.store.at_hand(f"runs/{self.run}/code")

    @property
    def log(self) -> Path:
        return self.store.folder("runs", self.run) / "gates.log"


@dataclass(frozen=True)
class Result:
    """`says` is one sentence for a person; `evidence` are the numbers behind it."""

    verdict: Verdict
    says: str
    evidence: dict[str, Any]
