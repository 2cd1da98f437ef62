"""Files as a source: those of a pattern that are new or changed since the last reading, on disk or in a bucket."""

import glob
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import obstore.exceptions
import pandas as pd

from gradino.errors import DataError
from gradino.operate.data.formats import parse
from gradino.operate.data.reading import Reading
from gradino.operate.project.sources import FORMATS, Files

Fetch = Callable[[str], bytes]


def read(source: Files, seen: Mapping[str, str]) -> Reading:
    """Read what `seen` does not know as it is now; both are keyed by name and hold what changes with the content.

    Late and out-of-order rows need no window here: a file is read whenever it comes, whatever times it holds.
    Raises DataError where a file or the bucket cannot be read.
    """
    found, fetch = _bucket(source.files) if "://" in source.files else _folder(source.files)
    digests, frames = {}, []
    form = FORMATS[Path(source.files.removesuffix(".gz")).suffix]
    for name in sorted(found):
        if seen.get(name) != found[name]:
            content = fetch(name)
            digests[name] = hashlib.sha256(content).hexdigest()
            frames.append(parse(content, form, name))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Reading(frame, {"files": digests}, found)


def _folder(pattern: str) -> tuple[dict[str, str], Fetch]:
    """Names below the working directory, which is the project's folder."""
    paths = [Path(name) for name in glob.glob(pattern, recursive=True)]
    marks = {str(path): f"{(at := path.stat()).st_size}-{at.st_mtime_ns}" for path in paths if path.is_file()}
    return marks, lambda name: Path(name).read_bytes()


def _bucket(pattern: str) -> tuple[dict[str, str], Fetch]:
    """Objects; address and credentials are those of the environment, AWS_ENDPOINT_URL and its like, as for Delta."""
    parts = urlsplit(pattern)
    key = pattern.removeprefix(f"{parts.scheme}://{parts.netloc}/")
    fixed = re.split(r"[*?\[]", key)[0].rpartition("/")[0]
    wanted = re.compile(_regular(key))
    try:
        store = obstore.store.from_url(f"{parts.scheme}://{parts.netloc}")
        found = {
            item["path"]: f"{item['size']}-{item['e_tag'] or item['last_modified'].isoformat()}"
            for listed in obstore.list(store, prefix=fixed or None)
            for item in listed
            if wanted.fullmatch(item["path"])
        }
    except obstore.exceptions.BaseError as error:
        raise DataError(f"{pattern} cannot be listed: {_first_line(error)}", "see address and credentials") from None
    return found, lambda name: bytes(store.get(name).bytes())


def _regular(pattern: str) -> str:
    """`**/` crosses folders, `*` and `?` do not."""
    meant = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meant.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
