"""An HTTP endpoint as a source: asked for what is newer, page after page."""

from datetime import datetime
from pathlib import PurePosixPath

import httpx
import pandas as pd

from gradino.errors import DataError
from gradino.operate.data.formats import parse
from gradino.operate.data.reading import Reading
from gradino.operate.project.sources import FORMATS, Endpoint, filled, shown

_TYPES = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonl": "lines",
    "application/x-ndjson": "lines",
    "application/vnd.apache.parquet": "parquet",
}
_SECONDS = 60.0


def read(source: Endpoint, since: datetime) -> Reading:
    """The rows of all pages; a page names the next one by a Link header of relation `next` (RFC 8288).

    Raises DataError where the endpoint does not answer, refuses, or answers what is no table.
    """
    moment = f"{since.isoformat()}Z"
    address: httpx.URL | None = httpx.URL(filled(source.url)).copy_merge_params({source.since: moment})
    host, frames, asked = address.host if address else "", [], set()
    headers = {name: filled(value) for name, value in source.headers.items()}
    with httpx.Client(
        headers=headers, timeout=_SECONDS, follow_redirects=True, transport=httpx.HTTPTransport(retries=2)
    ) as client:
        while address and address not in asked:
            asked.add(address)
            answer = _answer(client, address)
            if answer.content.strip():
                frames.append(parse(answer.content, _form(answer), shown(str(address))))
            following = answer.links.get("next", {}).get("url")
            address = answer.url.join(following) if following else None
            if address and address.host != host:
                raise DataError(f"{source} leads to another host, {address.host}", "secrets of one are not for another")
    return Reading(pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(), {"since": moment})


def _answer(client: httpx.Client, address: httpx.URL) -> httpx.Response:
    try:
        answer = client.get(address)
    except httpx.HTTPError as error:
        said = str(error) or type(error).__name__
        raise DataError(
            f"{shown(str(address))} did not answer: {said}", "it is asked again at the next collection"
        ) from None
    if answer.is_error:
        said = answer.text.strip()[:200]
        raise DataError(
            f"{shown(str(address))} answered {answer.status_code} {answer.reason_phrase}: {said}",
            "see `url` and `headers` in [data.source] of gradino.toml",
        )
    return answer


def _form(answer: httpx.Response) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = _TYPES.get(kind) or FORMATS.get(PurePosixPath(answer.url.path).suffix)
    if not form:
        raise DataError(
            f"{shown(str(answer.url))} answered with the content type `{kind}`",
            f"let it be one of {', '.join(_TYPES)}; or ask it in a function of yours",
        )
    return form
