"""The page of a replay: what each policy lost over time, when it changed the model, and what it came to."""

from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from gradino.console import words
from gradino.console.draw import Drawer
from gradino.operate.replay.compare import Replayed
from gradino.operate.replay.history import History

_POINTS = 120  # of a line: each the mean of so many equal parts of the rows
_HEIGHT, _WIDTH = 320, 1000

Spec = dict[str, Any]


def page(name: str, history: History, done: Replayed) -> str:
    """One self-contained HTML document."""
    environment = Environment(
        loader=PackageLoader("gradino.console", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = words.number
    with Drawer() as drawer:
        drawing = drawer.svg(chart(history, done))
    found = done.comparison
    return environment.get_template("replay.html.j2").render(
        name=name,
        found=found,
        best=min(found.policies, key=lambda policy: policy.cost),
        colours=colours(done),
        drawing=drawing,
        history=history,
        price=done.price,
        style=environment.loader.get_source(environment, "page.css")[0] if environment.loader else "",
    )


def colours(done: Replayed) -> dict[str, str]:
    """A policy's colour, the same in chart and table."""
    return {policy.policy: f"var(--v{i % 6 + 1})" for i, policy in enumerate(done.comparison.policies)}


def chart(history: History, done: Replayed) -> Spec:
    """Error by event time, one line per policy; a dot where a new model began to answer."""
    times = history.times[done.start :].astype("datetime64[ms]").astype(np.int64)
    edges = np.unique(np.linspace(0, len(times), _POINTS + 1).astype(int))
    colour = colours(done)
    lines, dots = [], []
    for told, losses in zip(done.told, done.losses, strict=True):
        means = np.add.reduceat(losses, edges[:-1]) / np.diff(edges)
        middle = times[(edges[:-1] + edges[1:] - 1) // 2]
        lines += [
            {"t": int(t), "y": float(mean), "p": told.policy, "c": colour[told.policy]}
            for t, mean in zip(middle, means, strict=True)
        ]
        for row in told.promotions:
            place = int(np.searchsorted(edges, row - done.start, side="right")) - 1
            error = float(means[min(place, len(means) - 1)])
            dots.append({"t": int(times[row - done.start]), "y": error, "p": told.policy, "c": colour[told.policy]})
    kind = "temporal" if history.dated else "quantitative"
    whole = {"zero": False, "nice": False}
    x = {"field": "t", "type": kind, "title": None, "axis": _axis(history), "scale": {} if history.dated else whole}
    y = {"field": "y", "type": "quantitative", "title": None, "scale": {"zero": True}}
    ink = {"field": "c", "type": "nominal", "scale": None}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": _WIDTH,
        "height": _HEIGHT,
        "background": "transparent",
        "config": {
            "view": {"stroke": None},
            "font": "Inter, Segoe UI, Roboto, Helvetica Neue, Arial, Liberation Sans, sans-serif",
            "axis": {"labelColor": "var(--muted)", "gridColor": "var(--line)", "domain": False, "ticks": False},
        },
        "layer": [
            {
                "data": {"values": lines},
                "mark": {"type": "line", "strokeWidth": 1.6, "strokeJoin": "round"},
                "encoding": {"x": x, "y": y, "detail": {"field": "p"}, "color": ink},
            },
            {
                "data": {"values": dots},
                "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": ink},
            },
        ],
    }


def _axis(history: History) -> Spec:
    return {"grid": False, "labelFlush": True} if history.dated else {"grid": False, "labels": False}
