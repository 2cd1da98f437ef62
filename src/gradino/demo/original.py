"""The original rides, from the UCI Machine Learning Repository, kept in the user's cache."""

import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

HOST = "archive.ics.uci.edu"
_ADDRESS = f"https://{HOST}/static/public/275/bike+sharing+dataset.zip"


def cached() -> Path | None:
    """The file, where it was downloaded before."""
    return _place() if _place().exists() else None


def download(console: "Console") -> Path | None:
    """Fetch the file; None, and a word on the console, where that does not work."""
    import httpx

    try:
        with console.status(f"downloading from {HOST}"):
            answer = httpx.get(_ADDRESS, timeout=30, follow_redirects=True).raise_for_status()
        content = zipfile.ZipFile(io.BytesIO(answer.content)).read("hour.csv")
    except (httpx.HTTPError, zipfile.BadZipFile, KeyError) as error:
        console.print(f"it cannot be had ({type(error).__name__}): a simulated town stands in")
        return None
    _place().parent.mkdir(parents=True, exist_ok=True)
    part = _place().with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, _place())
    return _place()


def _place() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gradino" / "bike-sharing-hour.csv"
