"""The page: a store goes in, one self-contained HTML document comes out, or its sections one by one."""

import os
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gradino.console import charts, words
from gradino.console.draw import Drawer
from gradino.console.ladder import ladder
from gradino.console.series import Series
from gradino.console.story import Story, read
from gradino.operate.project import Project
from gradino.operate.store import Store

_SECTION = re.compile(r'<section id="(\w+)">.*?</section>', re.DOTALL)

Assessment = Mapping[str, Any]
Chain = Mapping[str, Any]
"""{"prediction", "verified", "says", "links": [{"kind", "name", "digest", "verified", "says"}, …]}."""


def page(
    store: Store,
    project: Project,
    assessment: Assessment | None = None,
    *,
    live: bool = False,
    tracing: bool = False,
    chain: Chain | None = None,
    drawer: Drawer | None = None,
    series: Series | None = None,
) -> str:
    """The whole page. `live` adds the script that keeps it up to date, `tracing` the box that asks for a prediction.

    `drawer` and `series` keep what was drawn and read before, so that the next page costs less.
    """
    story = read(store, project, series)
    if drawer:
        shown = _context(story, assessment, drawer)
    else:
        with Drawer() as own:
            shown = _context(story, assessment, own)
    shown |= {"live": live, "tracing": tracing, "chain": chain, "script": script(), "style": _file("page.css")}
    return str(_template().render(shown))


def sections(html: str) -> dict[str, str]:
    """The parts of a page that change, by their ids."""
    return {found[1]: found[0] for found in _SECTION.finditer(html) if found[1] != "trace"}


def write_report(store: Store, project: Project, assessment: Assessment | None, path: Path) -> None:
    """Write the page as a file that needs nothing else; readers never see half of it."""
    part = path.with_suffix(".part")
    part.write_text(page(store, project, assessment), encoding="utf-8")
    os.replace(part, path)


def script() -> str:
    """The page's only script."""
    return _file("page.js")


def script_digest() -> str:
    """Its SHA-256 in Base64, for the content security policy."""
    return b64encode(sha256(script().encode()).digest()).decode()


def _context(story: Story, assessment: Assessment | None, drawer: Drawer) -> dict[str, Any]:
    def both(chart: Callable[[Story, int], charts.Spec | None]) -> list[tuple[str, str]]:
        found = (("wide", chart(story, charts.WIDE)), ("narrow", chart(story, charts.NARROW)))
        return [(name, drawer.svg(spec)) for name, spec in found if spec]

    experiments = {}
    for release in story.releases:
        spec = charts.experiment(release.experiment) if release.experiment else None
        if spec:
            experiments[release.version] = drawer.svg(spec)
    gate_names = list(dict.fromkeys(gate.name for release in story.releases[::-1] for gate in release.gates))
    return {
        "story": story,
        "ladder": ladder(assessment) if assessment else None,
        "live_chart": both(charts.live),
        "harm_chart": both(charts.harm),
        "experiments": experiments,
        "gate_names": gate_names,
        "picture": _picture() if not story.reigns else "",
    }


@cache
def _picture() -> str:
    from gradino.console.loop_picture import picture  # here, since that module is a script, too

    return picture()


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("gradino.console", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "percent": words.percent,
        "date": words.date,
        "moment": words.moment,
    }
    environment.globals |= {
        "change": words.change,
        "counted": words.counted,
        "colour": charts.colour,
        "difference": words.difference,
        "hours": words.hours,
        "milliseconds": words.milliseconds,
        "outcome": words.outcome,
        "retraining": words.retraining,
        "sentence": words.sentence,
    }
    return environment.get_template("page.html.j2")


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
