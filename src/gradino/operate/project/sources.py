"""Where rows come from: a function of the project, files, an HTTP endpoint or a query. Named here, read in `data`."""

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator

from gradino.errors import ProjectError
from gradino.operate.project.reference import Reference

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "lines", ".ndjson": "lines", ".json": "json"}
BUCKETS = ("s3", "gs", "az", "abfs", "abfss")
_FORMS = '"package.module:function", files as in "data/*.csv", an address "https://…", or a table [data.source]'


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def check(self, root: Path) -> None:
        """Nothing of it can be seen without asking it."""


class Files(_Source):
    """`files`: a pattern below the project's folder, or below a bucket; `*` within a folder, `**` across folders."""

    files: str

    def __str__(self) -> str:
        return self.files

    @field_validator("files")
    @classmethod
    def _readable(cls, value: str) -> str:
        scheme = value.partition("://")[0] if "://" in value else ""
        if scheme and scheme not in BUCKETS:
            raise ValueError(f'"{scheme}://" is no object store; known are: {", ".join(BUCKETS)}')
        if Path(value.removesuffix(".gz")).suffix not in FORMATS:
            raise ValueError(f'"{value}" does not say which format; let it end in one of {", ".join(FORMATS)}')
        return value


class Endpoint(_Source):
    """`url`: asked with the newest event time as query parameter `since`. `${NAME}` is the environment's."""

    url: str = Field(pattern=r"^https?://[^/]+")
    since: str = "since"
    headers: dict[str, str] = {}

    def __str__(self) -> str:
        return shown(self.url)


class Query(_Source):
    """`sql`, with the newest event time bound as `:since`, asked of the database at `url` (SQLAlchemy's form)."""

    sql: str
    url: str = Field(pattern=r"^[a-z0-9+]+://")

    def __str__(self) -> str:
        return f"the query of {shown(self.url)}"

    @field_validator("sql")
    @classmethod
    def _incremental(cls, value: str) -> str:
        if not re.match(r"\s*(select|with)\b", value, re.IGNORECASE):
            raise ValueError("a source reads: let it begin with select or with")
        if not re.search(r"(?<!:):since\b", value):
            raise ValueError("it takes all rows every time; add a condition such as `where hour > :since`")
        return value


def filled(text: str) -> str:
    """`${NAME}` replaced by the environment variable: secrets stay out of the file.

    Raises ProjectError where the environment has no such variable.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ProjectError(f"[data.source] needs the environment variable {match[1]}", f"export {match[1]}=…")
        return os.environ[match[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)


def shown(url: str) -> str:
    """An address without what may be secret: password, parameters."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parsed(value: object) -> object:
    if isinstance(value, dict) and not {"files", "url", "sql"} & value.keys():
        raise ValueError("a source has `files`, or `url`, or `url` and `sql`")
    if not isinstance(value, str):
        return value
    scheme = value.partition("://")[0]
    if scheme in ("http", "https"):
        return {"url": value}
    if scheme in BUCKETS or "/" in value or "*" in value or Path(value.removesuffix(".gz")).suffix in FORMATS:
        if re.match(r"(postgresql|mysql|mariadb|sqlite|oracle|mssql)\b", scheme):
            raise ValueError("a database needs a query: write a table [data.source] with `url` and `sql`")
        return {"files": value}
    try:
        return Reference.parse(value)
    except ValueError:
        raise ValueError(f'"{value}" is no source; write {_FORMS}') from None


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        if "files" in value:
            return "files"
        return "query" if "sql" in value or not str(value["url"]).startswith("http") else "endpoint"
    return next((tag for tag, kind in KINDS.items() if isinstance(value, kind)), "function")


KINDS: dict[str, type[_Source]] = {"files": Files, "endpoint": Endpoint, "query": Query}
Source = Annotated[
    Annotated[Reference, Tag("function")]
    | Annotated[Files, Tag("files")]
    | Annotated[Endpoint, Tag("endpoint")]
    | Annotated[Query, Tag("query")],
    Discriminator(_kind),
    BeforeValidator(_parsed),
]
