"""A badge as SVG: the level without people."""

# ruff: noqa: E501 - a drawing reads better unwrapped

from gradino.maturity import Language
from gradino.measure.assessment import Assessment
from gradino.measure.reports.words import WORDS

_COLOURS = ("#b42318", "#c4620a", "#a68a00", "#3f8f29", "#157f3b")


def report(assessment: Assessment, language: Language = "en") -> str:
    """Two boxes side by side, readable by a screen reader."""
    level = assessment.level.technical.wired
    label, value = "MLOps", f"{WORDS[language]['level'].lower()} {level}"
    left, right = 8 * len(label) + 14, 7 * len(value) + 14
    title = f"{label}: {value}"
    text = 'font-family="Verdana,sans-serif" font-size="11" fill="#fff" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f'<title>{title}</title><rect width="{left}" height="20" rx="3" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="20" rx="3" fill="{_COLOURS[min(level, 4)]}"/>'
        f'<text x="{left / 2}" y="14" {text}>{label}</text><text x="{left + right / 2}" y="14" {text}>{value}</text></svg>\n'
    )
