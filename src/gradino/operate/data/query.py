"""A database as a source: one query, with the watermark bound as `:since`."""

from datetime import datetime

import pandas as pd
from sqlalchemy import DateTime, NullPool, bindparam, create_engine, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gradino.errors import DataError
from gradino.operate.data.reading import Reading
from gradino.operate.project.sources import Query, filled


def read(source: Query, since: datetime) -> Reading:
    """The rows of the query in a transaction that changes nothing; the session's zone is UTC, as `since` is.

    Raises DataError where the driver is missing, the database does not answer or refuses the query.
    """
    asked = text(source.sql).bindparams(bindparam("since", since, DateTime()))
    try:
        engine = create_engine(filled(source.url), poolclass=NullPool)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET TRANSACTION READ ONLY"))
                connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
            answer = connection.execute(asked)
            names = list(answer.keys())
            frame = pd.DataFrame.from_records(answer.fetchall(), columns=names, coerce_float=True)
    except ModuleNotFoundError as error:
        raise DataError(
            f"{source} needs the driver `{error.name}`", f"run `uv add {error.name}` in the project"
        ) from None
    except (SQLAlchemyError, ArgumentError) as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DataError(f"{source} failed: {said}", "see `url` and `sql` in [data.source] of gradino.toml") from None
    return Reading(frame, {"since": since.isoformat()})
