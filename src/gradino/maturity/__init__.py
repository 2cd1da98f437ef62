"""The maturity model as data: levels, dimensions, tracks and rungs, in English and Italian.

A model file (TOML, one per model, beside this module) goes in; a frozen `Model` comes out. `measure` judges projects
against it and `cli` and `console` print its words. No rule about evidence lives here: a second model is a second file.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from gradino.errors import EvidenceError

DEFAULT = "azure-2020-01"

Language = Literal["en", "it"]
Kind = Literal["people", "process", "technology"]


@dataclass(frozen=True, slots=True)
class Text:
    """The same sentence in two languages."""

    en: str
    it: str

    def in_(self, language: Language) -> str:
        """The sentence in `language`."""
        return self.it if language == "it" else self.en


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a track.

    `asked` is the first level that wants this rung, `level` the highest one it satisfies; `days` is the usual effort in
    person-days from the rung below; `covers` names the source's bullets as level.table.digest; `shown_by` lists
    track@level of the default model whose evidence shows this rung (empty: its own evidence).
    """

    level: int
    asked: int
    says: Text
    criterion: Text
    deliverable: Text
    days: tuple[int, int]
    covers: tuple[str, ...] = ()
    shown_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """A line of growth: its rungs, lowest first, what it judges, and the drills that prove its top."""

    id: str
    name: Text
    judges: Kind
    proof: tuple[str, ...]
    rungs: tuple[Rung, ...]

    @property
    def dimension(self) -> str:
        """The id of the dimension this track belongs to."""
        return self.id.split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class Level:
    """A level's number, name and one-line meaning."""

    number: int
    name: Text
    says: Text


@dataclass(frozen=True, slots=True)
class Model:
    """One maturity model, as its file states it."""

    id: str
    title: Text
    source: str
    levels: tuple[Level, ...]
    dimensions: dict[str, Text]
    tracks: tuple[Track, ...] = field(repr=False)

    @property
    def top(self) -> int:
        """The highest level's number."""
        return self.levels[-1].number

    def track(self, id: str) -> Track:  # noqa: A002
        """The track called `id`. Raises `KeyError` if the model has none."""
        return next((t for t in self.tracks if t.id == id), None) or _missing(id)


def _missing(id: str) -> Track:  # noqa: A002
    raise KeyError(id)


def names() -> tuple[str, ...]:
    """The ids of the models that gradino ships."""
    found = (f.name.removesuffix(".toml") for f in files(__name__).iterdir() if f.name.endswith(".toml"))
    return tuple(sorted(found))


@cache
def load(id: str = DEFAULT) -> Model:  # noqa: A002
    """Read a shipped model.

    Raises:
        EvidenceError: there is no model of that name.
    """
    if id not in names():
        raise EvidenceError(f"There is no maturity model '{id}'.", f"Choose one of: {', '.join(names())}.")
    return parse(files(__name__).joinpath(f"{id}.toml").read_text(encoding="utf-8"))


def parse(toml: str) -> Model:
    """Build a model from the text of a model file."""
    raw = tomllib.loads(toml)
    return Model(
        id=raw["id"],
        title=Text(**raw["title"]),
        source=raw["source"],
        levels=tuple(Level(x["number"], Text(**x["name"]), Text(**x["says"])) for x in raw["levels"]),
        dimensions={x["id"]: Text(**x["name"]) for x in raw["dimensions"]},
        tracks=tuple(_track(x) for x in raw["tracks"]),
    )


def _track(raw: dict[str, Any]) -> Track:
    rungs: list[Rung] = []
    for x in raw["rungs"]:
        rungs.append(
            Rung(
                level=x["level"],
                asked=rungs[-1].level + 1 if rungs else 0,
                says=Text(**x["says"]),
                criterion=Text(**x["criterion"]),
                deliverable=Text(**x["deliverable"]),
                days=(x["days"][0], x["days"][1]),
                covers=tuple(x.get("covers", ())),
                shown_by=tuple(x.get("shown_by", ())),
            )
        )
    return Track(raw["id"], Text(**raw["name"]), raw["judges"], tuple(raw.get("proof", ())), tuple(rungs))
