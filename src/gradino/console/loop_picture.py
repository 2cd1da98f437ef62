"""The loop as a picture: a stair up to production, and the way back that makes it a loop.

`python -m gradino.console.loop_picture > docs/images/loop.svg` writes it; a test checks that the file is up to date.
"""

from html import escape

# Up the stair: name, and what happens there in two short lines.
UP = (
    ("Data", "collected, checked,", "versioned"),
    ("Train", "in a locked environment,", "tracked, signed"),
    ("Gates", "tests, contract,", "holdout, latency"),
    ("Shadow", "beside the champion,", "on live traffic"),
    ("Production", "answers; flips back", "in under a second"),
)
# And back to training: name, what it does.
BACK = (
    ("Prediction log", "every answer, then its label"),
    ("Watch", "alarm when it does harm"),
    ("Retrain", "when it pays, with reasons"),
)
LINEAGE = "Lineage: from one prediction back to the raw rows, every hash computed again"

_WIDTH, _HEIGHT, _LEFT, _STEP, _RISE = 960, 424, 30, 180, 34
_FLOOR, _FIRST = 252, 148  # y of the stair's foot, y of the first tread
_PILL, _ROW, _LINE = 196, 296, 388  # width of a pill, y of the way back, y of the lineage

_STYLE = """
.loop{font-family:Inter,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif;
--ink:#191b1f;--muted:#61666e;--way:#b84a24;--pill:#fff;--edge:#d9d9d3;
--s0:#d3e6df;--s1:#a3d0c1;--s2:#64b29b;--s3:#2a8a70;--s4:#0b5845;--dark:#10231d;--light:#fff}
@media (prefers-color-scheme:dark){.loop{--ink:#e9e9e5;--muted:#9ba1a9;--way:#ef8a5f;--pill:#15181b;--edge:#363b41;
--s0:#1d332d;--s1:#224d42;--s2:#2b7562;--s3:#3ba688;--s4:#84e6c8;--dark:#e9f5f0;--light:#0f1a16}}
.loop .name{font-size:19px;font-weight:650;letter-spacing:-.01em}
.loop .says{font-size:13px}
.loop .way{fill:none;stroke:var(--way);stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}
.loop .tip{fill:var(--way)}
.loop .pill{fill:var(--pill);stroke:var(--edge);stroke-width:1.25}
.loop .thread{fill:none;stroke:var(--muted);stroke-width:1.5;stroke-dasharray:2 5;stroke-linecap:round}
"""


def picture() -> str:
    """The picture as SVG; light or dark as the reader's system asks."""
    label = " → ".join(name for name, *_ in (*UP, *BACK, UP[1]))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="loop" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"',
        f' aria-label="{escape(label)}">',
        f"<style>{_STYLE}</style>",
        *(_step(index, *stage) for index, stage in enumerate(UP)),
        _way(),
        *(_pill(index, *stage) for index, stage in enumerate(BACK)),
        _thread(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _step(index: int, name: str, *lines: str) -> str:
    x, y = _LEFT + index * _STEP, _FIRST - index * _RISE
    # The text turns light, or dark in the dark, where the step's own colour gets strong.
    ink = "var(--dark)" if index < 3 else "var(--light)"
    texts = [_text(x + 18, y + 34, name, "name", ink)]
    texts += [_text(x + 18, y + 57 + 18 * row, line, "says", ink) for row, line in enumerate(lines)]
    corner = 10
    outline = (
        f"M{x} {_FLOOR}V{y + corner}q0-{corner} {corner}-{corner}H{x + _STEP}V{_FLOOR}z"
        if index < len(UP) - 1
        else f"M{x} {_FLOOR}V{y + corner}q0-{corner} {corner}-{corner}H{x + _STEP - corner}"
        f"q{corner} 0 {corner} {corner}V{_FLOOR}z"
    )
    return f'<path d="{outline}" fill="var(--s{index})"/>' + "".join(texts)


def _way() -> str:
    """From production down, back below the stair, and up into training."""
    right, train, y = _LEFT + 4.72 * _STEP, _LEFT + 1.5 * _STEP, _ROW + 26
    return (
        f'<path class="way" d="M{right:g} {_FLOOR + 6}V{y - 16}q0 16-16 16H{train:g}V{_FLOOR + 16}"/>'
        f'<path class="tip" d="M{train:g} {_FLOOR + 5}l7.5 13h-15z"/>'
    )


def _pill_x(index: int) -> float:
    """The way back runs from right to left and ends below training."""
    return _LEFT + 1.5 * _STEP - _PILL / 2 + (len(BACK) - 1 - index) * (_PILL + 24)


def _pill(index: int, name: str, says: str) -> str:
    x = _pill_x(index)
    middle = x + _PILL / 2
    return (
        f'<rect class="pill" x="{x:g}" y="{_ROW - 2}" width="{_PILL}" height="56" rx="10"/>'
        + _text(middle, _ROW + 22, name, "name", "var(--ink)", "middle")
        + _text(middle, _ROW + 41, says, "says", "var(--muted)", "middle")
    )


def _thread() -> str:
    left, right, y = _LEFT + 0.5 * _STEP, _LEFT + 4.88 * _STEP, _LINE - 12
    return (
        f'<path class="thread" d="M{right:g} {_FLOOR + 8}V{y}q0 12-12 12H{left + 12:g}q-12 0-12-12V{_FLOOR + 14}"/>'
        f'<path d="M{left:g} {_FLOOR + 4}l5 10h-10z" fill="var(--muted)"/>'
        + _text((left + right) / 2, _LINE + 22, LINEAGE, "says", "var(--muted)", "middle")
    )


def _text(x: float, y: float, words: str, kind: str, ink: str, anchor: str = "start") -> str:
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" fill="{ink}"{place}>{escape(words)}</text>'


if __name__ == "__main__":
    print(picture(), end="")
