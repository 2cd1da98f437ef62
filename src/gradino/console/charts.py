"""The page's charts as Vega-Lite specifications: plain objects, with the page's CSS variables as colours.

Two widths are drawn, since letters that shrink with a chart cannot be read. Time axes have a fixed domain, so a label's
place in pixels is known before drawing, and one that would cover another is left out.
"""

import math
from datetime import datetime
from itertools import groupby
from typing import Any

from gradino.console.series import HOUR, Point
from gradino.console.story import Experiment, Reign, Story

WIDE, NARROW = 1000, 330
_FONT = "Inter, Segoe UI, Roboto, Helvetica Neue, Arial, Liberation Sans, sans-serif"
_COLOURS = 6
_LETTER = 6.2  # pixels, mean width at 11 px
_MARKS = {
    "alarm": ("▲", "var(--bad)"),
    "rolled back": ("◀", "var(--bad)"),
    "refused": ("×", "var(--ink)"),
    "rejected": ("×", "var(--ink)"),
}
_POINTS = 300  # drawn of one line

Spec = dict[str, Any]


def colour(version: int) -> str:
    """The CSS variable of a version."""
    return f"var(--v{(version - 1) % _COLOURS + 1})"


def live(story: Story, width: int) -> Spec | None:
    """Error by event time: who answered, who listened, what it was released with, and what happened when."""
    points = story.answers
    if not points:
        return None
    regression = story.project.project.task == "regression"
    start, end = _domain(story)
    window = 24 if story.hourly else 7
    layers = _bands(story, start, end, width)
    rows = [_row(p, regression) for p in points]
    smooth = [_row(p, regression) for p in _rolling(points, window)]
    heard = [_row(p, regression) for p in _rolling(story.listeners, window)]
    x, y = _time("t", start, end), _value("y")
    by_version = _lines(x, y, "v")
    layers.append(_layer(rows, {"type": "line", "strokeWidth": 1, "opacity": 0.28}, by_version))
    layers.append(_layer(smooth, {"type": "line", "strokeWidth": 2.25, "strokeJoin": "round"}, by_version))
    if len(points) <= 3:
        layers.append(_layer(rows, {"type": "point", "filled": True, "size": 36, "opacity": 1}, by_version))
    if heard:
        mark = {"type": "line", "strokeWidth": 1.5, "strokeDash": [1, 2.5], "strokeCap": "round"}
        layers.append(_layer(heard, mark, by_version))
        lasts = {row["v"]: row for row in heard if row["v"] not in {reign.version for reign in story.reigns}}
        ends = [row | {"s": f"v{version}"} for version, row in lasts.items()]
        words = {"x": x, "y": y, "text": {"field": "s"}, "color": _as_is("c")}
        layers.append(_layer(ends, _text(None, align="left", dx=4, fontWeight=600), words))
    references = [
        {"t": _ms(since), "u": _ms(until), "y": level}
        for reign, since, until in _spans(story, start, end)
        if (level := reign.reference_error if regression else reign.reference) is not None
    ]
    if references:
        mark = {"type": "rule", "strokeWidth": 1, "strokeDash": [5, 3], "color": "var(--ink)", "opacity": 0.55}
        layers.append(_layer(references, mark, {"x": x, "x2": {"field": "u"}, "y": y}))
    return _chart([*layers, *_happenings(story, start, end, width)], width, 210)


def harm(story: Story, width: int) -> Spec | None:
    """The evidence that a champion does harm, on a logarithmic scale, with the threshold of the alarm."""
    drawn = [h for h in story.harms if h.history]
    if not drawn:
        return None
    start, end = _domain(story)
    rows = [
        {"t": _ms(when), "y": min(max(evidence, 0.5), h.threshold * 100), "c": colour(h.version), "v": h.version}
        for h in drawn
        for when, evidence in _thin(h.history)
    ]
    top = max(h.threshold for h in drawn)
    x, y = _time("t", start, end), _value("y", log=(0.5, top * 10))
    layers = [
        _layer(rows, {"type": "line", "strokeWidth": 1.75}, _lines(x, y, "v")),
        _layer([{"y": top}], {"type": "rule", "color": "var(--bad)", "strokeDash": [5, 3]}, {"y": y}),
        _layer(
            [{"y": top, "s": f"alarm at {top:,.0f}"}],
            _text("var(--bad)", align="left", x=4, dy=-7),
            {"y": y, "text": {"field": "s"}},
        ),
    ]
    return _chart([*_bands(story, start, end, width), *layers], width, 120)


def experiment(found: Experiment) -> Spec | None:
    """Evidence for and against a challenger over the labels, with the threshold that decides."""
    top, low = found.threshold, 0.01
    rows = []
    for n, evidence, against, _ in _thin(found.history):
        for kind, value in (("for", evidence), ("against", against)):
            if math.isfinite(value):
                rows.append({"n": n, "y": min(max(value, low), top * 10), "k": kind, "c": _SIDES[kind]})
    if not rows:
        return None
    last = sorted({row["k"]: row for row in rows}.values(), key=lambda row: -row["y"])
    apart = 5 if last[0]["y"] < 5 * last[-1]["y"] else 0  # pixels by which the two words step aside
    scale = {"domain": [0, found.history[-1][0]], "nice": False}
    axis = {"tickCount": 4, "grid": False, "format": ",d", "labelFlush": True}
    x = {"field": "n", "type": "quantitative", "title": None, "scale": scale, "axis": axis}
    y = _value("y", log=(low, top * 10))
    word = {"x": x, "y": y, "text": {"field": "k"}, "color": _as_is("c")}
    layers = [
        _layer([{"y": top}], {"type": "rule", "color": "var(--ink)", "strokeDash": [5, 3], "opacity": 0.6}, {"y": y}),
        _layer(rows, {"type": "line", "strokeWidth": 2}, _lines(x, y, "k")),
        _layer(last, {"type": "point", "filled": True, "size": 26, "opacity": 1}, _lines(x, y, "k")),
        *(
            _layer([row], _text(None, align="left", dx=6, dy=dy), word)
            for row, dy in zip(last, (-apart, apart), strict=False)
        ),
        _layer(
            [{"y": top, "s": f"decides at {top:,.0f}"}],
            _text("var(--muted)", align="left", x=3, dy=-7),
            {"y": y, "text": {"field": "s"}},
        ),
    ]
    return _chart(layers, 236, 104)


_SIDES = {"for": "var(--good)", "against": "var(--bad)"}


def _bands(story: Story, start: datetime, end: datetime, width: int) -> list[Spec]:
    """A bar above the plot: who was champion when."""
    rows = []
    for reign, since, until in _spans(story, start, end):
        pixels = (until - since) / (end - start) * width
        label = f"v{reign.version}" if pixels > 18 else ""
        if pixels > 110:
            label += " champion"
        rows.append(
            {
                "t": _ms(since),
                "u": _ms(until),
                "m": _ms(since + (until - since) / 2),
                "c": colour(reign.version),
                "s": label,
            }
        )
    x = _time("t", start, end)
    bar: Spec = {"type": "rect", "y": -22, "y2": -6, "cornerRadius": 2, "stroke": "var(--surface)", "strokeWidth": 1.5}
    return [
        _layer(rows, bar, {"x": x, "x2": {"field": "u"}, "fill": _as_is("c")}),
        _layer(
            rows,
            _text("var(--on-colour)", y=-14, baseline="middle", fontWeight=600),
            {"x": _time("m", start, end), "text": {"field": "s"}},
        ),
    ]


def _happenings(story: Story, start: datetime, end: datetime, width: int) -> list[Spec]:
    """Alarms, refused and rejected challengers: a sign each, and words where there is room."""
    rows, taken = [], -math.inf
    for mark in story.marks:
        if mark.kind not in _MARKS or not start <= mark.when <= end:
            continue
        sign, tint = _MARKS[mark.kind]
        words = f"v{mark.version} {mark.kind}" if mark.kind in ("refused", "rejected") else mark.kind
        place = (mark.when - start) / (end - start) * width
        half = len(words) * _LETTER / 2
        fits = place - half - 6 > taken and place + half < width
        taken = place + half if fits else taken
        rows.append({"t": _ms(mark.when), "c": tint, "h": sign, "s": words if fits else ""})
    x = _time("t", start, end)
    alarms = [row for row in rows if row["h"] == "▲"]
    return [
        _layer(alarms, {"type": "rule", "strokeWidth": 1, "opacity": 0.55, "y": -34}, {"x": x, "color": _as_is("c")}),
        _layer(
            rows,
            _text(None, y=-33, baseline="middle", fontSize=13, fontWeight=700),
            {"x": x, "text": {"field": "h"}, "color": _as_is("c")},
        ),
        _layer(rows, _text(None, y=-46), {"x": x, "text": {"field": "s"}, "color": _as_is("c")}),
    ]


def _spans(story: Story, start: datetime, end: datetime) -> list[tuple[Reign, datetime, datetime]]:
    """The reigns with their beginnings and ends, as far as they are drawn."""
    spans = [(r, max(r.since or start, start), min(r.until or end, end)) for r in story.reigns]
    return [(reign, since, until) for reign, since, until in spans if since < until]


def _domain(story: Story) -> tuple[datetime, datetime]:
    """From the first champion to the newest label."""
    times = [p.when for p in story.answers + story.listeners] + [reign.since for reign in story.reigns if reign.since]
    times += [when for h in story.harms for when, _ in h.history]
    return min(times), max(max(times), min(times) + HOUR)


def _rolling(points: list[Point], window: int) -> list[Point]:
    """The trailing mean over `window` points of one version, weighted by their labels."""
    found = []
    for _, group in groupby(points, key=lambda p: p.version):
        own = list(group)
        for index, point in enumerate(own):
            part = own[max(0, index - window + 1) : index + 1]
            n = sum(p.n for p in part)
            loss, error = sum(p.loss * p.n for p in part) / n, sum(p.error * p.n for p in part) / n
            found.append(Point(point.when, point.version, n, loss, error))
    return found


def _thin(rows: list[Any]) -> list[Any]:
    """Evenly thinned for drawing; the last row is always there."""
    step = max(len(rows) // _POINTS, 1)
    return rows[:-1:step] + rows[-1:]


def _row(point: Point, regression: bool) -> Spec:
    value = point.error if regression else point.loss
    return {"t": _ms(point.when), "y": float(f"{value:.5g}"), "c": colour(point.version), "v": point.version}


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def _time(field: str, start: datetime, end: datetime) -> Spec:
    axis = {"grid": False, "tickCount": 8, "labelFlush": True, "labelOverlap": True}
    scale = {"type": "utc", "domain": [_ms(start), _ms(end)], "nice": False}
    return {"field": field, "type": "temporal", "title": None, "scale": scale, "axis": axis}


def _value(field: str, log: tuple[float, float] | None = None) -> Spec:
    spec: Spec = {"field": field, "type": "quantitative", "title": None, "axis": {"tickCount": 4}}
    if log:
        powers = [10.0**p for p in range(math.ceil(math.log10(log[0])), math.floor(math.log10(log[1])) + 1)]
        spec["scale"] = {"type": "log", "domain": list(log), "nice": False}
        spec["axis"] = {"values": powers[:: max(len(powers) // 4, 1)], "format": "~s" if powers[-1] > 100 else "~g"}
    return spec


def _as_is(field: str) -> Spec:
    """A field that holds the colour itself."""
    return {"field": field, "type": "nominal", "scale": None}


def _lines(x: Spec, y: Spec, by: str) -> Spec:
    """One line per value of `by`, in the colour that its rows name."""
    return {"x": x, "y": y, "color": _as_is("c"), "detail": {"field": by, "type": "nominal"}}


def _text(colour: str | None, **more: Any) -> Spec:
    return {"type": "text", "fontSize": 11, **({"color": colour} if colour else {}), **more}


def _layer(rows: list[Spec], mark: Spec, encoding: Spec) -> Spec:
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _chart(layers: list[Spec], width: int, height: int) -> Spec:
    return {
        "width": width,
        "height": height,
        "background": None,
        "padding": {"left": 0, "right": 4, "top": 4, "bottom": 2},
        "config": {
            "font": _FONT,
            "aria": False,
            "view": {"stroke": None},
            "axisY": {"minExtent": 34, "maxExtent": 34},  # so that charts above each other share their time axis
            "axis": {
                "labelFontSize": 11,
                "labelColor": "var(--muted)",
                "gridColor": "var(--line)",
                "domain": False,
                "ticks": False,
                "labelPadding": 6,
            },
        },
        "layer": layers,
    }
