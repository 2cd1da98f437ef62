"""`gradino.toml`: what a project must and may say, with an error that suggests the right key when one is wrong."""

import ipaddress
import os
import re
import tomllib
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gradino.errors import ProjectError
from gradino.operate.project.reference import Reference
from gradino.operate.project.sources import KINDS, Source

FILE = "gradino.toml"
POLICIES = ("never", "drift", "alarm", "cost-aware")  # and "every …"
_BYTES = {"MiB": 2**20, "GiB": 2**30}
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('write a duration as text, for example "1h" or "2d"')
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])", value)
    if not match:
        raise ValueError(f'"{value}" is no duration; write a number and one of ms, s, m, h, d, w, for example "1h"')
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def _size(value: object) -> object:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(MiB|GiB)", str(value))
    if not match:
        raise ValueError('write a size as text, for example "512MiB" or "1GiB"')
    return int(float(match[1]) * _BYTES[match[2]])


def _reference(value: object) -> object:
    return Reference.parse(value) if isinstance(value, str) else value


def _policy(value: str) -> str:
    if value.startswith("every "):
        _duration(value.removeprefix("every "))
    elif value not in POLICIES:
        near = get_close_matches(value, POLICIES, n=1)
        advice = f"did you mean `{near[0]}`?" if near else f'choose one of {", ".join(POLICIES)} or "every 30d"'
        raise ValueError(f'"{value}" is no policy; {advice}')
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(_size)]  # bytes
Function = Annotated[Reference, BeforeValidator(_reference)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Identity(_Section):
    """`[project]`: what is predicted, and which column is the event time."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    task: Literal["regression", "classification"]
    target: str
    time: str
    unit: str | None = None


class Data(_Section):
    """`[data]`: where rows come from, what a good row is, how often to ask."""

    source: Source
    schema_: Function | None = Field(default=None, alias="schema")
    every: Duration = timedelta(hours=1)
    late: Duration = timedelta(0)  # how much older than the newest row one may be that still comes


class Range(_Section):
    """Where a hyper-parameter may lie, both ends included; a whole number where both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 where log = true")
        return self


def _choice(value: object) -> object:
    if isinstance(value, list) and value:
        return tuple(value)
    try:
        return Range.model_validate(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"{said}; write {{ low = 1, high = 10 }}, with log = true for sizes, or a list") from None


class Search(_Section):
    """`[training.search]`: hyper-parameters of `train` to choose by trying, on rows before the holdout."""

    space: dict[str, Annotated[Range | tuple[Any, ...], BeforeValidator(_choice)]] = Field(min_length=1)
    trials: int = Field(default=20, gt=0)
    time: Duration | None = None
    folds: int = Field(default=3, gt=0)
    direction: Literal["minimize", "maximize"] | None = None


class Training(_Section):
    """`[training]`: how a model is made and by which metric a run is reported."""

    train: Function
    metric: str | None = None
    compute: Literal["local"] = "local"
    slices: list[str] = []  # columns; the model is judged on the rows of each slice apart
    search: Search | None = None


class Scoring(_Section):
    """`[scoring]`: optional `(model, frame) -> predictions`, used wherever the model is."""

    score: Function | None = None


class Serving(_Section):
    """`[serving]`: who can reach the scoring server, and which features its log must not keep.

    Beyond this machine (`host`) every caller needs a token. With `certificate` and `key` it speaks TLS, with `clients`
    only to holders of a certificate of that authority.
    """

    host: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None
    clients: Path | None = None
    log: Literal["refusals", "requests"] = "refusals"
    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    pace: Duration = timedelta(seconds=10)  # how long a row waits for others on its way into the tables
    keep: Duration | None = None  # how long the log has a row, in event time; None: for ever

    @model_validator(mode="after")
    def _whole(self) -> "Serving":
        if self.keep is not None and self.keep < timedelta(days=1):
            raise ValueError("`keep` is at least 1d: labels, drift and experiments need what was answered")
        if self.pace > timedelta(minutes=1):
            raise ValueError("`pace` is at most 1m: labels, alarms and experiments wait for it")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together")
        if self.clients and not self.certificate:
            raise ValueError("`clients` needs `certificate` and `key`")
        if both := set(self.drop) & set(self.hash):
            raise ValueError(f"`{min(both)}` is in both `drop` and `hash`")
        return self

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def address(self, port: int) -> str:
        """Where a process of this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # every address: the nearest
        return f"{'https' if self.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def at(self, root: Path) -> "Serving":
        """The same with the files where they are: their names are relative to the project."""
        names = ("certificate", "key", "clients")
        return self.model_copy(update={name: root / file for name in names if (file := getattr(self, name))})


class Release(_Section):
    """`[release]`: how a challenger is tried on live traffic, and the error that is allowed."""

    experiment: Literal["shadow", "ab", "none"] = "shadow"
    worse_by: float = Field(default=0.0, ge=0.0, lt=1.0)
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    horizon: int | None = Field(default=None, gt=0)  # None: 1,000 labels and no less than six weeks
    at_horizon: Literal["keep", "promote-if-better"] = "keep"
    outcome: Literal["loss", "label"] = "loss"
    probation: int = Field(default=500, ge=0)
    latency: Duration = timedelta(milliseconds=250)
    memory: Size = 2 * 2**30
    gates: tuple[Function, ...] = ()


class Retraining(_Section):
    """`[retraining]`: when to retrain, what one retraining costs, what a unit of loss is worth, and the guards."""

    policy: Annotated[str, AfterValidator(_policy)] = "cost-aware"
    cooldown: Duration = timedelta(days=1)
    min_labels: int = Field(default=500, gt=0)
    cost: float | None = Field(default=None, ge=0.0)
    value: float = Field(default=1.0, gt=0.0)
    budget: int | None = Field(default=None, gt=0)  # retrainings in 30 days
    longest: Duration | None = None  # age of the newest training row that forces a retraining
    max_share: float = Field(default=0.5, gt=0.0, le=1.0)  # of the new rows that one unit may bring
    canary: str | None = None  # a CSV file of the project: rows whose labels are known for good

    @property
    def interval(self) -> timedelta | None:
        """How often, where the policy is "every …"."""
        return cast("timedelta", _duration(self.policy.removeprefix("every "))) if self.policy[:5] == "every" else None


class Card(_Section):
    """`[card]`: what a model card says that no record shows."""

    use: str | None = None  # what the answers are for
    limits: str | None = None  # where they must not be relied on
    license: str | None = None
    contact: str | None = None


class Storage(_Section):
    """`[store]`: where state and files last instead of `.gradino`. Credentials are those of the environment."""

    state: str | None = Field(default=None, pattern=r"^postgresql\+psycopg://[^?]+$")
    objects: str | None = Field(default=None, pattern=r"^s3://.*[^/]$")


class Project(_Section):
    """A checked `gradino.toml` and the folder it lies in."""

    root: Path
    project: Identity
    data: Data
    training: Training
    scoring: Scoring = Scoring()
    serving: Serving = Serving()
    release: Release = Release()
    retraining: Retraining = Retraining()
    store: Storage = Storage()
    card: Card = Card()

    @property
    def name(self) -> str:
        return self.project.name


def load(folder: Path) -> Project:
    """Read and check `folder/gradino.toml`.

    Raises:
        ProjectError: no such file, not TOML, an unknown key (with the nearest known one), a wrong value, a
            function that the project's files do not define, or no file of canaries where one is named.
    """
    root = folder.resolve()
    path = root / FILE
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ProjectError(f"{root} has no {FILE}", "run `gradino init` there to write one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}: {error}", "mend the TOML syntax at that place") from None
    try:
        project = Project(root=root, **content)
        project = project.model_copy(update={"serving": project.serving.at(root)})
    except ValidationError as error:
        raise ProjectError(*_explain(path, error)) from None
    except TypeError:
        raise ProjectError(f"{path}: `root` is not a section", "remove it") from None
    for function in (
        project.data.source,
        project.data.schema_,
        project.training.train,
        project.scoring.score,
        *project.release.gates,
    ):
        if function:
            function.check(root)
    canary = project.retraining.canary
    if canary and not (root / canary).is_file():
        raise ProjectError(
            f"{path}: `canary` in [retraining]: there is no file {root / canary}",
            "write it, rows whose labels are known for good, or remove `canary`",
        )
    if project.training.search:
        project.training.train.check_parameters(root, list(project.training.search.space))
    return project


def storage(root: Path) -> Storage:
    """`[store]` of the project in `root`, whatever else its file says; the default where GRADINO_STORE is `local`.

    Raises:
        ProjectError: a wrong value or an unknown key there.
    """
    path = root / FILE
    try:
        content = tomllib.loads(path.read_text())
        local = os.environ.get("GRADINO_STORE") == "local"
        return Storage() if local else Storage.model_validate(content.get("store", {}))
    except (FileNotFoundError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return Storage()  # `load` says what is wrong
    except ValidationError as error:
        raise ProjectError(f"{path}: [store]: {error.errors()[0]['msg']}", "see docs/project.md") from None


def _explain(path: Path, error: ValidationError) -> tuple[str, str]:
    """Put one problem into a sentence, and what to do into another: an unknown key first, it explains a missing one."""
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = [str(part) for part in problem["loc"]]
    key = [part for part in where if part not in KINDS][-1]
    place = f"[{'.'.join(part for part in where[:-1] if part not in KINDS)}]" if len(where) > 1 else "the file"
    if problem["type"] == "extra_forbidden":
        known = _known(where[:-1])
        near = get_close_matches(key, known, n=1, cutoff=0.5)
        advice = f"did you mean `{near[0]}`?" if near else f"known there: {', '.join(known)}"
        return f"{path}: unknown key `{key}` in {place}", advice
    if problem["type"] == "missing":
        noun = "section" if len(where) == 1 else "key"
        return f"{path}: the {noun} `{key}` is missing in {place}", f"add `{key}` to {place}"
    said = problem["msg"].removeprefix("Value error, ")
    return f"{path}: `{key}` in {place}: {said}", f"it is now {problem['input']!r}"


def _known(where: list[str]) -> list[str]:
    model: Any = Project
    for part in where:
        model = KINDS[part] if part in KINDS else model.model_fields[part].annotation
        model = next((kind for kind in get_args(model) if hasattr(kind, "model_fields")), model)
    return [field.alias or name for name, field in model.model_fields.items() if name != "root"]
