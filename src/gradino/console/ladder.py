"""An assessment, as `gradino.measure` prints it, in the rows of the page: each track five steps, 0 to 4."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradino import maturity

_STEPS = range(5)


@dataclass(frozen=True, slots=True)
class Step:
    """One level of a track: how it is filled (a strength, or given, fail, unknown, n-a) and what is asked there."""

    level: int
    fill: str
    says: str


@dataclass(frozen=True, slots=True)
class Track:
    """One row: three levels, five steps, what the next step needs, and the evidence of every rung."""

    id: str
    name: str
    level: Mapping[str, Any]
    steps: list[Step]
    needs: str
    rungs: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Dimension:
    name: str
    level: Mapping[str, Any]
    tracks: list[Track]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole assessment, and the name of the level that is proven."""

    level: Mapping[str, Any]
    name: str
    dimensions: list[Dimension]


def ladder(assessment: Mapping[str, Any]) -> Ladder:
    """Bring an assessment into the order of the maturity model; what the model does not know keeps its own id."""
    model = maturity.load()
    tracks = [_track(raw, model) for raw in assessment["tracks"]]
    dimensions = []
    for key, level in assessment["dimensions"].items():
        name = model.dimensions[key].en if key in model.dimensions else _plain(key)
        dimensions.append(Dimension(name, level, [t for t in tracks if t.id.split(".")[0] == key]))
    proven = assessment["level"]["proven"]
    names = {level.number: level.name.en for level in model.levels}
    return Ladder(assessment["level"], names.get(proven, ""), dimensions)


def _track(raw: Mapping[str, Any], model: maturity.Model) -> Track:
    known = next((track for track in model.tracks if track.id == raw["id"]), None)
    says = {rung.level: rung.says.en for rung in known.rungs} if known else {}
    rungs = sorted(raw["rungs"], key=lambda rung: rung["level"])
    steps = []
    for level in _STEPS:
        rung = next((rung for rung in rungs if rung["level"] >= level), None)
        fill = _fill(rung) if rung else "n-a"
        steps.append(Step(level, fill, says.get(rung["level"], "") if rung else ""))
    missing = next((rung for rung in rungs if rung["verdict"] in ("fail", "unknown")), None)
    return Track(
        id=raw["id"],
        name=known.name.en if known else _plain(raw["id"].split(".")[-1]),
        level=raw["level"],
        steps=steps,
        needs=missing["needs"] if missing else "",
        rungs=[rung | {"says": says.get(rung["level"], "")} for rung in rungs],
    )


def _fill(rung: Mapping[str, Any]) -> str:
    """The strength of the evidence, or the verdict where there is none; `given` holds without any."""
    if rung["verdict"] == "unknown":
        return "unknown"
    if rung["strength"] == "none":
        return {"pass": "given", "fail": "fail"}.get(rung["verdict"], "n-a")
    return str(rung["strength"])


def _plain(key: str) -> str:
    return key.replace("-", " ").replace("_", " ").capitalize()
