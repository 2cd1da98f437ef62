"""What a row must look like: a model's inputs become one strict decoder, and a refusal names row, field and reason."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, cast

import msgspec

from gradino.operate.serving.columns import Layout, Row

if TYPE_CHECKING:
    from gradino.operate.serving.wal import FieldType

_LARGEST = 2**63 - 1
_WHERE = re.compile(
    r"^(?P<reason>.*?)(?: - at `\$(?:"
    r"(?P<columns>\.columns)(?:\.(?P<column>.*)\[(?P<place>\d+)\])?"
    r"|(?:\.[a-z_]+)*\[(?P<row>\d+)\](?:\.(?P<field>.*))?)`)?$",
    re.DOTALL,
)
_UNKNOWN, MISSING = "unknown field", "required field is missing"
_ADVICE = 'send {"rows": [{…}]} or {"columns": {"…": […]}}'
_NAMED = re.compile(r"(?:unknown|required) field `(?P<field>.*)`")


class InputField(Protocol):
    """One input of a model, as its bundle states it."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def nullable(self) -> bool: ...
    @property
    def minimum(self) -> float | None: ...
    @property
    def maximum(self) -> float | None: ...
    @property
    def categories(self) -> Sequence[str] | None: ...


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong, in which row (from 0) and field, and what to do about it where that is known."""

    reason: str
    row: int | None = None
    field: str | None = None
    next: str = ""


class BadInput(Exception):  # noqa: N818  # it is an answer, not a fault
    """The request cannot be scored as it is."""

    def __init__(self, problem: Problem, status: int = 422) -> None:
        super().__init__(problem.reason)
        self.problem, self.status = problem, status


@dataclass(frozen=True, slots=True)
class Extra:
    """Columns that are no model input but may be given: the event time and the unit of an assignment."""

    time: str
    unit: str | None


class Rows:
    """The decoder for the rows that a champion, and beside it a challenger, can score."""

    def __init__(self, inputs: Sequence[InputField], also: Sequence[InputField], extra: Extra) -> None:
        required = {field.name: field for field in inputs}
        optional = {field.name: field for field in also if field.name not in required}
        self.fields = (*required.values(), *optional.values())
        self.names = [field.name for field in self.fields]
        kinds: list[Any] = [_type(field) for field in required.values()]
        kinds += [_type(field) | None for field in optional.values()]
        if extra.time not in self.names:
            self.names.append(extra.time)
            kinds.append(datetime | None)
        if extra.unit and extra.unit not in self.names:
            self.names.append(extra.unit)
            kinds.append(str | int | None)
        self.optional = frozenset(optional)
        types = [field.type for field in self.fields]
        types += ["timestamp" if name == extra.time else "string" for name in self.names[len(types) :]]
        self.layout = Layout(cast("Any", list(zip(self.names, types, strict=True))), len(self.fields))
        self.time = self.names.index(extra.time)
        self.unit = self.names.index(extra.unit) if extra.unit else None
        self.required = [i < len(inputs) and not self.fields[i].nullable for i in range(len(kinds))]
        self.row_type = self._struct("Row", kinds)
        self.columns_type = self._struct("Columns", [list[kind] for kind in kinds])  # type: ignore[valid-type]
        request = msgspec.defstruct(
            "Request",
            [
                ("rows", list[self.row_type] | msgspec.UnsetType, msgspec.UNSET),  # type: ignore[name-defined]
                ("columns", self.columns_type | msgspec.UnsetType, msgspec.UNSET),
            ],
            forbid_unknown_fields=True,
        )
        self._decoder = msgspec.json.Decoder(request)

    def _struct(self, name: str, kinds: Sequence[Any]) -> type[msgspec.Struct]:
        attributes = [
            (f"f{i}", kind) if needed else (f"f{i}", kind | None, None)
            for i, (kind, needed) in enumerate(zip(kinds, self.required, strict=True))
        ]
        names = {f"f{i}": name for i, name in enumerate(self.names)}
        return msgspec.defstruct(
            name, cast("Any", attributes), kw_only=True, forbid_unknown_fields=True, rename=names, gc=False
        )

    def decode(self, body: bytes) -> list[Row]:
        """The rows of a `/v1/score` body as tuples in the order of `names`; raises BadInput."""
        try:
            given = cast("Any", self._decoder.decode(body))
        except msgspec.ValidationError as error:
            raise BadInput(self._explain(str(error))) from None
        except msgspec.DecodeError as error:
            raise BadInput(Problem(f"the body is not JSON: {error}", next=_ADVICE), 400) from None
        except UnicodeDecodeError:
            raise BadInput(Problem("the body is not UTF-8", next=_ADVICE), 400) from None
        if (given.rows is msgspec.UNSET) == (given.columns is msgspec.UNSET):
            raise BadInput(Problem("the body must have either `rows` or `columns`", next=_ADVICE))
        if given.rows is msgspec.UNSET:
            return self._transposed(msgspec.structs.astuple(given.columns))
        return [msgspec.structs.astuple(row) for row in given.rows]

    def _transposed(self, columns: Sequence[list[Any] | None]) -> list[Row]:
        """Rows from columns in the order of `names`, None where one was left out."""
        sizes = {name: len(values) for name, values in zip(self.names, columns, strict=True) if values is not None}
        size = next(iter(sizes.values()), 0)
        for name, other in sizes.items():
            if other != size:
                raise BadInput(Problem(f"the column has {other} values, another has {size}", field=name))
        return list(zip(*((None,) * size if values is None else values for values in columns), strict=True))

    def convert(self, rows: object, strict: bool = True) -> list[Row]:
        """The same from objects that are decoded already; not `strict`: values may be text."""
        try:
            converted = msgspec.convert(rows, list[self.row_type], strict=strict)  # type: ignore[name-defined]
        except msgspec.ValidationError as error:
            raise BadInput(self._explain(str(error))) from None
        return [msgspec.structs.astuple(row) for row in converted]

    def _explain(self, message: str) -> Problem:
        problem = located(message, _ADVICE)
        return self.unknown(problem.field or "", problem.row) if problem.reason == _UNKNOWN else problem

    def unknown(self, name: str, row: int | None = None) -> Problem:
        """What to say of a field that no model has."""
        near = get_close_matches(name, self.names, n=1, cutoff=0.5)
        advice = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(self.names)}"
        return Problem(_UNKNOWN, row, name, advice)


def decoded(decoder: "msgspec.json.Decoder[Any]", body: bytes, advice: str) -> Any:
    """What a JSON body says; raises BadInput."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadInput(located(str(error), advice)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(Problem(f"the body is not JSON: {error}", next=advice), 400) from None


def located(message: str, advice: str) -> Problem:
    """msgspec's sentence with its path, taken apart; `advice` where it is about no row."""
    found = _WHERE.match(message)
    assert found
    reason = found["reason"]
    at = found["row"] or found["place"]
    row = int(at) if at else None
    if row is None and not found["columns"]:
        return Problem(reason, next=advice)
    if named := _NAMED.search(reason):
        return Problem(_UNKNOWN if "unknown" in reason else MISSING, row, named["field"])
    return Problem(reason, row, found["field"] or found["column"])


def _type(field: InputField) -> Any:
    bounds: dict[str, Any] = {}
    if field.minimum is not None:
        bounds["ge"] = field.minimum
    if field.maximum is not None:
        bounds["le"] = field.maximum
    kind: Any
    match cast("FieldType", field.type):
        case "number":
            kind = Annotated[float, msgspec.Meta(**bounds)] if bounds else float
        case "integer":
            low = -_LARGEST - 1 if field.minimum is None else math.ceil(field.minimum)
            high = _LARGEST if field.maximum is None else math.floor(field.maximum)
            kind = Annotated[int, msgspec.Meta(ge=low, le=high)]
        case "string":
            kind = Literal[tuple(field.categories)] if field.categories else str
        case "boolean":
            kind = bool
        case "timestamp":
            kind = datetime
    return kind | None if field.nullable else kind
