"""Bytes become a frame: CSV, Parquet, JSON, JSON lines. Types are the format's, or what pandas makes of text."""

import gzip
import zlib
from io import BytesIO

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gradino.errors import DataError


def parse(content: bytes, form: str, name: str) -> pd.DataFrame:
    """The rows of `content`, compressed or not, in the form csv, parquet, json (an array of objects) or lines.

    Raises:
        DataError: it is not in that form; `name` says what was being read.
    """
    try:
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        return _parsed(plain, form) if plain.strip() else pd.DataFrame()
    except (ValueError, TypeError, EOFError, OSError, zlib.error, pa.ArrowException) as error:
        raise DataError(f"{name} cannot be read as {form}: {error}", "mend or remove it") from None


def _parsed(content: bytes, form: str) -> pd.DataFrame:
    match form:
        case "csv":
            return pd.read_csv(BytesIO(content))
        case "parquet":
            table: pa.Table = pq.read_table(BytesIO(content))
            return pd.DataFrame(table.to_pandas())
        case "lines":
            return pd.DataFrame(msgspec.json.Decoder(dict[str, object]).decode_lines(content))
        case _:
            return pd.DataFrame(msgspec.json.decode(content, type=list[dict[str, object]]))
